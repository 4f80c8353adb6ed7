package Test::Nginx::Check;

# What a block expects, compared with what came back.  Every comparison is one
# subtest, counted as Test::Nginx::Socket documents it.

use strict;
use warnings;

use Exporter 'import';
use Test::More ();
use Time::HiRes qw(sleep time);
use Test::Nginx::Server qw(expand read_log server_port);

our @EXPORT_OK = qw(check_response check_log check_health log_patterns
                    complain);


# A failure that is no subtest of the plan.

sub complain {
    my ($message) = @_;

    Test::More->builder->no_ending(1);
    Test::More::fail($message);
}


# The i-th value of a section that may hold one value for each request.

sub value_of {
    my ($block, $section, $i, $many) = @_;

    my $value = $block->$section;

    return $value->[$i] if ref $value eq 'ARRAY';
    die $block->name . " - $section must be an array, as the request is\n"
        if defined $value && $many;
    return $value;
}


sub check_response {
    my ($block, $response, $i, $many) = @_;

    my $name = $block->name . ($many ? " (request $i)" : '');
    my $code = $response ? $response->status : '';
    my $like = value_of($block, 'error_code_like', $i, $many);

    if (defined $like) {
        Test::More::like($code, qr/$like/sm, "$name - status code");

    } else {
        my $expected = value_of($block, 'error_code', $i, $many) // 200;
        Test::More::is($code, $expected, "$name - status code");
    }

    check_raw_headers($block, $response, $i, $many, $name);
    check_headers($block, $response, $i, $many, $name);
    check_body($block, $response ? $response->body : undef, $i, $many, $name);
}


sub check_raw_headers {
    my ($block, $response, $i, $many, $name) = @_;

    my $raw = $response ? $response->raw_headers : '';
    my $like = value_of($block, 'raw_response_headers_like', $i, $many);
    my $unlike = value_of($block, 'raw_response_headers_unlike', $i, $many);

    Test::More::like($raw, qr/$like/s, "$name - raw headers") if defined $like;
    Test::More::unlike($raw, qr/$unlike/s, "$name - raw headers")
        if defined $unlike;
}


sub check_headers {
    my ($block, $response, $i, $many, $name) = @_;

    my $exact = value_of($block, 'response_headers', $i, $many);
    my $like = value_of($block, 'response_headers_like', $i, $many);
    my %expected;

    for (split /\n+/, $exact // $like // '') {
        s/^\s+|\s+$//g;

        if (s/^!\s*//) {
            $expected{$_} = undef;

        } elsif (length) {
            my ($header, $value) = split /\s*:\s*/, $_, 2;
            $value =~ s/\$ServerPort\b/server_port()/ge;
            $expected{$header} = $value;
        }
    }

    for my $header (sort keys %expected) {
        my $value = $expected{$header};
        my $got = $response ? $response->header($header) : undef;

        if (!defined $value) {
            Test::More::is($got, undef, "$name - no header $header");

        } elsif (defined $exact) {
            Test::More::is($got // '', $value, "$name - header $header");

        } else {
            Test::More::like($got // '', qr/^$value$/,
                             "$name - header $header");
        }
    }
}


sub check_body {
    my ($block, $body, $i, $many, $name) = @_;

    my $exact = value_of($block, 'response_body', $i, $many);

    if (defined $block->response_body) {
        if (ref $exact) {
            Test::More::like($body, $exact, "$name - response body");

        } else {
            Test::More::is($body, defined $exact ? expand($exact) : undef,
                           "$name - response body");
        }

        return;
    }

    my $like = value_of($block, 'response_body_like', $i, $many);
    my $unlike = value_of($block, 'response_body_unlike', $i, $many);

    if (defined $like) {
        Test::More::like($body, qr/$like/s, "$name - response body like");

    } elsif (defined $unlike) {
        Test::More::unlike($body, qr/$unlike/s,
                           "$name - response body unlike");
    }
}


# The patterns of a section of log lines: each line is one, or an array.

sub log_patterns {
    my ($block, $section) = @_;
    my $value = $block->$section;

    return unless defined $value;
    return grep { defined } @$value if ref $value eq 'ARRAY';
    return $value if ref $value;
    return grep { length } split /\n+/, $value;
}


sub matches {
    my ($line, $pattern) = @_;

    return ref $pattern ? $line =~ /$pattern/ : index($line, $pattern) >= 0;
}


# Compares error.log since the last call.  The lines a request causes may be
# written after its answer, so that expected ones are waited for.

sub check_log {
    my ($block, $repeated) = @_;

    my $name = $block->name;
    my @wanted = log_patterns($block, 'error_log');
    my $deadline = time + (@wanted ? 1 : 0);
    my @lines;

    sleep 0.045;

    for ( ;; ) {
        push @lines, @{read_log()};

        my @missing = grep {
            my $pattern = $_;
            !grep { matches($_, $pattern) } @lines;
        } @wanted;

        last if !@missing || time >= $deadline;
        sleep 0.02;
    }

    check_grep($block, $repeated, \@lines);

    for my $pattern (@wanted) {
        Test::More::ok((grep { matches($_, $pattern) } @lines) > 0,
                       "$name - \"$pattern\" matches a line of error.log");
    }

    for my $pattern (log_patterns($block, 'no_error_log')) {
        my @found = grep { matches($_, $pattern) } @lines;

        Test::More::is(join('', @found[0 .. ($#found > 4 ? 4 : $#found)]), '',
                       "$name - \"$pattern\" matches no line of error.log");
    }

    check_health($block, \@lines);
}


sub check_grep {
    my ($block, $repeated, $lines) = @_;

    my $pattern = $block->grep_error_log;
    my $expected = $block->grep_error_log_out;

    return unless defined $pattern;

    $expected = $expected->[$repeated] if ref $expected eq 'ARRAY';
    $pattern = ref $pattern ? $pattern : quotemeta $pattern;

    my $out = join '', map { /($pattern)/ ? "$1\n" : () } @$lines;
    my $name = $block->name . ' - grep_error_log_out';

    if (ref $expected eq 'Regexp') {
        Test::More::like($out, $expected, $name);

    } else {
        Test::More::is($out, expand($expected), $name);
    }
}


# Lines that no block may cause unless it names them.

sub check_health {
    my ($block, $lines) = @_;

    my $named = join "\n", log_patterns($block, 'error_log'),
                           log_patterns($block, 'no_error_log');
    my $emerg = !defined $block->must_die;

    for my $line (@$lines) {
        next unless $line =~ /\[alert\]/ && $named !~ /\[alert/
            || $line =~ /\[emerg\]/ && $emerg && $named !~ /\[emerg/
            || $line =~ /\bAssertion .*? failed\b/
            || $line =~ /(?:Address|Leak|UndefinedBehavior)Sanitizer/
            || $line =~ /: runtime error: /
            || $line =~ /exited on signal (?!9\b)/;

        complain($block->name . " - error.log says: $line");
    }
}


1;
