package Test::Nginx::Socket;

# A small runner for the data-driven language that Test::Nginx::Socket of CPAN
# documents: the sections that t/*.t use, on Test::Base.  The same files run
# under the module of CPAN, with the same number of subtests.
#
# It differs in what it does by itself: it takes a free port unless told one,
# keeps the master process on, and fails a block whose error.log shows an
# [alert] or [emerg] it does not name, a crash, or a report of a sanitizer.

use Test::Base -Base;

use List::Util ();
use Time::HiRes ();
use HTTPResponse ();
use Test::Nginx::Check qw(check_response check_log check_health complain);
use Test::Nginx::Client qw(exchange);
use Test::Nginx::Request qw(requests);
use Test::Nginx::Server qw(
    workers worker_connections master_on master_off log_level config_preamble
    no_root_location server_name server_addr server_port
    server_port_for_client server_root html_dir env_to_nginx
);

our $VERSION = '0.1';
our $Own = 1;

our @EXPORT = qw(
    plan run_tests repeat_each timeout no_shuffle no_long_string bail_out
    add_block_preprocessor add_response_body_check add_cleanup_handler
    add_test_cleanup_handler check_accum_error_log
    workers worker_connections master_on master_off log_level config_preamble
    no_root_location server_name server_addr server_port
    server_port_for_client server_root html_dir env_to_nginx
);

my $repeat_each = 1;
my $timeout = 3;
my $shuffle = !$ENV{TEST_NGINX_NO_SHUFFLE};
my $accumulate = 0;
my $pid = $$;
my ($previous, $last_block);
my (@preprocessors, @body_checks, @cleanups, @block_cleanups);


sub repeat_each(@) { $repeat_each = $_[0] if @_; return $repeat_each; }
sub timeout(@) { $timeout = $_[0] if @_; return $timeout; }
sub no_shuffle() { $shuffle = 0; }
sub no_long_string() { }
sub check_accum_error_log() { $accumulate = 1; }
sub add_block_preprocessor(&) { unshift @preprocessors, $_[0]; }
sub add_response_body_check(&) { push @body_checks, $_[0]; }
sub add_cleanup_handler(&) { push @cleanups, $_[0]; }
sub add_test_cleanup_handler(&) { push @block_cleanups, $_[0]; }


sub bail_out(@) {
    Test::Nginx::Server::stop();
    Test::More::BAIL_OUT(join '', @_);
}


sub run_tests() {
    my @blocks = blocks();

    @blocks = List::Util::shuffle(@blocks) if $shuffle;

    for my $block (@blocks) {
        my $done = eval {
            $_->($block) for @preprocessors;
            $block->set_value(name => "$0 " . $block->name);
            run_block($block);
            1;
        };

        bail_out($block->name . ' - ' . $@) unless $done;

        $_->($block) for @block_cleanups;
    }

    $_->() for @cleanups;
    @cleanups = ();
    stop_nginx();
}


sub run_block($) {
    my ($block) = @_;

    return run_must_die($block) if defined $block->must_die;

    start_nginx($block);

    if (defined $block->init) {
        eval $block->init;
        die "init failed: $@" if $@;
    }

    Test::Nginx::Server::rewind_log();

    for my $repeated (0 .. $repeat_each - 1) {
        Test::Nginx::Server::write_files(scalar $block->user_files)
            if $repeated;
        Test::Nginx::Server::rewind_log() if $accumulate;
        run_requests($block, $repeated);
    }

    if (!Test::Nginx::Server::running()) {
        complain($block->name . ' - nginx is gone');
    }
}


# A block without --- config goes on with the nginx of the block before.

sub start_nginx($) {
    my ($block) = @_;

    if (!defined $block->config) {
        die "no config, and no block before\n" unless defined $previous;
        return;
    }

    my $text = Test::Nginx::Server::configuration($block);
    my $force = $ENV{TEST_NGINX_FORCE_RESTART_ON_TEST} // 1;

    return if !$force && defined $previous && $previous eq $text;

    stop_nginx();
    $previous = $text;
    $last_block = $block;

    my $code = Test::Nginx::Server::start($block);

    die "nginx exited with $code:\n"
        . join('', @{Test::Nginx::Server::read_log()}) if $code != 0;
}


# What nginx logs while it stops belongs to the block it was started for.

sub stop_nginx() {
    return unless Test::Nginx::Server::running();

    my $complaint = Test::Nginx::Server::stop();
    complain($complaint) if defined $complaint;

    check_health($last_block, Test::Nginx::Server::read_log());
}


sub run_must_die($) {
    my ($block) = @_;

    my $must_die = $block->must_die;

    for my $repeated (0 .. $repeat_each - 1) {
        stop_nginx();
        undef $previous;

        my $code = Test::Nginx::Server::start($block);

        if ($must_die =~ /^\d+$/) {
            is($code, $must_die, $block->name . ' - exit code');

        } else {
            ok($code != 0, $block->name . ' - nginx refuses to start');
        }

        check_log($block, $repeated);
        Test::Nginx::Server::stop();
    }
}


sub run_requests($$) {
    my ($block, $repeated) = @_;

    my @requests = requests($block);
    my $pipelined = $block->pipelined_requests;
    my $expected = $pipelined ? @$pipelined : @requests;
    my $many = $pipelined || @requests > 1;
    my $i = 0;

    for my $packets (@requests) {
        my $head = join('', map { $_->{value} } @$packets) =~ /^\s*HEAD\s/;
        my $bytes = send_packets($block, $packets);

        do {
            ($bytes) = run_response($block, $bytes, $i, $many, $repeated,
                                    $head);

            Time::HiRes::sleep($block->wait) if $block->wait;
            check_log($block, $repeated);
        } while (++$i < $expected && $pipelined);
    }
}


sub seconds($) {
    my ($value) = @_;

    return $1 / 1000 if $value =~ /^([\d.]+)ms$/;
    return $1 if $value =~ /^([\d.]+)s?$/;
    die "bad time \"$value\"\n";
}


sub send_packets($$) {
    my ($block, $packets) = @_;

    my %opt = (addr => $block->server_addr_for_client // server_addr(),
               port => server_port_for_client(),
               timeout => seconds($block->timeout // $timeout),
               delay => scalar $block->raw_request_middle_delay);

    if (defined $block->shutdown) {
        $opt{shutdown} = $block->shutdown =~ /^(\d)/ ? $1 : 1;
    }

    my ($bytes, $error) = exchange($packets, %opt);

    if (defined $error && !($error eq 'timeout' && defined $block->abort)) {
        complain($block->name . " - $error");
    }

    return $bytes;
}


# Checks the response at the start of the bytes and returns what follows it.

sub run_response($$$$$$) {
    my ($block, $bytes, $i, $many, $repeated, $head) = @_;

    return '' if defined $block->ignore_response;

    my ($response, $rest)
        = HTTPResponse->parse($bytes, head => $head, eof => 1);

    if ($response && $response->truncated) {
        complain($block->name . ' - response body truncated');
    }

    check_response($block, $response, $i, $many);

    for my $check (@body_checks) {
        $check->($block, $response ? $response->body : '', $i, $repeated, 0);
    }

    return $rest // '';
}


sub END {
    return if $$ != $pid;

    local $?;
    $_->() for @cleanups;
    Test::Nginx::Server::stop() unless $ENV{TEST_NGINX_NO_CLEAN};
}


1;
