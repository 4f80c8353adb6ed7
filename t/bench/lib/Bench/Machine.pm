package Bench::Machine;

# What it was measured on, and with.

use strict;
use warnings;

use JSON::PP ();
use Bench ();


sub facts {
    my ($bench, $nginx) = @_;

    my $cpu = Bench::read_file('/proc/cpuinfo');
    my $memory = Bench::read_file('/proc/meminfo');
    my $load = Bench::read_file('/proc/loadavg');
    my %facts;

    ($facts{cpu}) = $cpu =~ /^model name\s*:\s*(.*)/m;
    $facts{cores} = () = $cpu =~ /^processor\s*:/mg;
    $facts{memory_gib} = sprintf '%.0f', $1 / 1024 / 1024
        if $memory =~ /^MemTotal:\s+(\d+)/m;
    ($facts{load}) = $load =~ /^(\S+)/;
    $facts{system} = first('. /etc/os-release; echo "$PRETTY_NAME"');
    $facts{kernel} = first('uname -r');
    $facts{nginx} = first("$nginx -v 2>&1") =~ s{.*nginx/}{}r;
    $facts{postgresql} = first('psql --version') =~ s/^\D+//r;
    $facts{redis} = first('redis-server --version') =~ s/.*v=(\S+).*/$1/r;
    $facts{nchan} = first('dpkg-query -W -f \'${Version}\' '
                          . 'libnginx-mod-nchan 2>/dev/null');
    $facts{node} = first('node --version') =~ s/^v//r;
    $facts{descriptors} = first("sh -c 'ulimit -Hn'");
    $facts{commit} = first("git -C $bench->{top} describe --always --dirty "
                           . '2>/dev/null');

    my $lock = eval { JSON::PP::decode_json(Bench::read_file(
        "$bench->{top}/t/bench/node/package-lock.json")) };

    $facts{$_} = $lock->{packages}{"node_modules/$_"}{version}
        for qw(ws pg ioredis);

    return \%facts;
}


# What is printed of them.

sub lines {
    my ($facts) = @_;

    my %f = map { $_ => $facts->{$_} // '?' } qw(cores cpu memory_gib system
        kernel load nginx postgresql redis nchan node ws pg ioredis);

    return ("machine: $f{cores} x $f{cpu}, $f{memory_gib} GiB, $f{system}, "
            . "Linux $f{kernel}, load $f{load} before",
            "versions: nginx $f{nginx}, PostgreSQL $f{postgresql}, Redis "
            . "$f{redis}, nchan $f{nchan}, node $f{node} (ws $f{ws}, pg "
            . "$f{pg}, ioredis $f{ioredis})");
}


sub first {
    my ($command) = @_;

    my $line = (split /\n/, `$command`)[0] // '';
    return $line;
}


1;
