package ChatTest::Api;

# Whether answers are what docs/openapi.yaml says.  Its schemas are read
# strictly: a member that is not described is a difference too, since a
# description that leaves it out has drifted.

use strict;
use warnings;

use FindBin;
use JSON::PP ();


sub new {
    my ($class) = @_;
    my $file = "$FindBin::Bin/../docs/openapi.yaml";

    open my $in, '<:encoding(UTF-8)', $file or die "$file: $!\n";
    my @lines = map { chomp; $_ } grep { !/^\s*(?:#.*)?$/ } <$in>;

    my $self = bless {api => yaml(\@lines, 0), seen => {}}, $class;
    my $paths = $self->{api}{paths};

    for my $path (sort keys %$paths) {
        (my $pattern = quotemeta $path) =~ s/\\\{\w+\\\}/[^\/]+/g;
        push @{$self->{paths}}, [qr/^$pattern$/, $path, $paths->{$path}];
    }

    # fixed paths before those that have a parameter in their place

    @{$self->{paths}} = sort { ($a->[1] =~ tr/{//) <=> ($b->[1] =~ tr/{//) }
                        @{$self->{paths}};

    return $self;
}


# The YAML that the file is written in: a key or an item in a line, plain or
# single-quoted scalars, of which plain ones may go on in deeper lines.

sub yaml {
    my ($lines, $depth) = @_;
    my ($data);

    while (@$lines) {
        my ($indent, $item, $rest) = $lines->[0] =~ /^( *)(- )?(.*)$/;

        last if length $indent < $depth;

        if (defined $item) {
            $data //= [];
            last if ref $data ne 'ARRAY';

            if ($rest =~ /^(?:'[^']*'|[^\s:]+):(?: |$)/) {
                $lines->[0] = "$indent  $rest";
                push @$data, yaml($lines, length($indent) + 2);
            } else {
                shift @$lines;
                push @$data, scalar_of($rest);
            }

            next;
        }

        $rest =~ /^('[^']*'|[^\s:]+|\S+?):(?: (.*))?$/
            or die "openapi.yaml: not understood: $lines->[0]\n";

        my ($key, $value) = ($1, $2);
        $key =~ s/^'(.*)'$/$1/;
        shift @$lines;

        if (defined $value) {
            while (@$lines && $lines->[0] =~ /^( *)(.*)/
                   && length $1 > length $indent)
            {
                $value .= " $2";
                shift @$lines;
            }

            $data->{$key} = scalar_of($value);
            next;
        }

        my $inner = @$lines && $lines->[0] =~ /^( *)(- )?/
            ? length($1) : 0;

        $data->{$key} = $inner > length $indent
                        || $inner == length $indent && defined $2
            ? yaml($lines, $inner) : undef;
    }

    return $data;
}

sub scalar_of {
    my ($text) = @_;

    return $text eq '[]' ? [] : $text eq '{}' ? {}
         : $text =~ /^'(.*)'$/ ? $1 : $text;
}


# What differs of the answer to a request, as a list of texts.  The answer is
# that of ChatTest::Client.

sub check {
    my ($self, $method, $path, $answer) = @_;

    $path =~ s/\?.*//;
    $path =~ s{^/support}{};

    my ($row) = grep { $path =~ $_->[0] && $_->[2]{lc $method} }
                @{$self->{paths}};
    return "$method $path is not described" if !$row;

    my $op = $row->[2]{lc $method};
    my $name = "$method $row->[1] " . $answer->status;
    my $say = $op->{responses}{$answer->status};

    return "$name is not described" if !$say;

    $say = $self->resolve($say);
    my $type = ($answer->header('Content-Type') // '') =~ s/;.*//r;

    $self->{seen}{$op->{operationId}}{$answer->status}++;

    return length($answer->body // '') ? "$name has a body" : ()
        if !$say->{content};

    return "$name is of type $type"
        if !$say->{content}{$type} && !$say->{content}{'*/*'};

    return () if $type !~ /json$/;

    my $data = eval { JSON::PP->new->utf8->decode($answer->body) };
    return "$name is no JSON" if !defined $data;

    return map { "$name: $_" }
           $self->differ($say->{content}{$type}{schema}, $data, '');
}


# operations that have an answer of success which has not been seen

sub unseen {
    my ($self) = @_;
    my @left;

    for my $row (@{$self->{paths}}) {
        for my $op (values %{$row->[2]}) {
            my @good = grep { /^2/ } keys %{$op->{responses}};

            push @left, $op->{operationId}
                if @good && !grep { $self->{seen}{$op->{operationId}}{$_} }
                            @good;
        }
    }

    return sort @left;
}


sub resolve {
    my ($self, $node) = @_;

    while (ref $node eq 'HASH' && $node->{'$ref'}) {
        my $at = $self->{api};
        $at = $at->{$_} for split m{/}, $node->{'$ref'} =~ s{^#/}{}r;
        $node = $at // die "nothing at $node->{'$ref'}\n";
    }

    return $node;
}


my %types = (
    string => sub { !ref $_[0] && defined $_[0] && !number($_[0]) },
    integer => sub { number($_[0]) && $_[0] =~ /^-?\d+$/ },
    number => sub { number($_[0]) },
    boolean => sub { JSON::PP::is_bool($_[0]) },
    object => sub { ref $_[0] eq 'HASH' },
    array => sub { ref $_[0] eq 'ARRAY' },
    null => sub { !defined $_[0] },
);

# what JSON has as a number

sub number {
    return defined $_[0] && !ref $_[0]
           && JSON::PP->new->allow_nonref->encode($_[0]) !~ /^"/;
}


sub differ {
    my ($self, $schema, $data, $at) = @_;

    $schema = $self->resolve($schema);
    $schema = $self->merge($schema) if $schema->{allOf};

    if ($schema->{oneOf}) {
        my @all = map { [$self->differ($_, $data, $at)] }
                  @{$schema->{oneOf}};
        return if grep { !@$_ } @all;
        return map { @$_ } grep { defined $data || @$_ } $all[0];
    }

    my $shown = JSON::PP->new->allow_nonref->canonical->encode($data);
    my @is = ref $schema->{type} ? @{$schema->{type}}
                                 : $schema->{type} // ();

    return "$at is $shown, not @is"
        if @is && !grep { $types{$_}->($data) } @is;
    return if !defined $data;

    return "$at is $shown, of @{$schema->{enum}}"
        if $schema->{enum} && !grep { $_ eq $data } @{$schema->{enum}};
    return "$at is $shown, not like $schema->{pattern}"
        if $schema->{pattern} && $data !~ /$schema->{pattern}/;
    return "$at is $shown, no $schema->{format}"
        if $schema->{format} && !formed($schema->{format}, $data);

    return $self->differ_object($schema, $data, $at)
        if ref $data eq 'HASH';

    if (ref $data eq 'ARRAY' && $schema->{items}) {
        return map { $self->differ($schema->{items}, $data->[$_],
                                   "$at\[$_]") } 0 .. $#$data;
    }

    return;
}

sub differ_object {
    my ($self, $schema, $data, $at) = @_;
    my ($members, $more) = @$schema{qw(properties additionalProperties)};
    my @differences = map { "$at.$_ is missing" }
                      grep { !exists $data->{$_} }
                      @{$schema->{required} // []};

    for my $name (sort keys %$data) {
        if ($members && $members->{$name}) {
            push @differences, $self->differ($members->{$name},
                                             $data->{$name}, "$at.$name");
        } elsif (ref $more) {
            push @differences, $self->differ($more, $data->{$name},
                                             "$at.$name");
        } elsif (($more // '') ne 'true') {
            push @differences, "$at.$name is not described";
        }
    }

    return @differences;
}

# one schema of several that all hold

sub merge {
    my ($self, $schema) = @_;
    my %all = (type => 'object', properties => {}, required => []);

    for (map { $self->resolve($_) } @{$schema->{allOf}}) {
        my $part = $_->{allOf} ? $self->merge($_) : $_;

        %{$all{properties}} = (%{$all{properties}},
                               %{$part->{properties} // {}});
        push @{$all{required}}, @{$part->{required} // []};
    }

    return \%all;
}

sub formed {
    my ($format, $text) = @_;

    return $text =~ /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
        if $format eq 'uuid';
    return $text =~ /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
        if $format eq 'date-time';
    return 1;
}


1;
