package ChatTest::Faults::Network;

# Faults of the network: before the clients, before Redis, before PostgreSQL.

use strict;
use warnings;


sub faults {
    my $clients = {proxy => 'clients'};

    return (
        {id => 'F13', name => 'network: 200 ms, a tenth of it a second late',
         times => 1, long => 5, world => $clients, strike => sub {
             during($_[0], $_[1], 'slow 200 0.1', 10);
         }},

        {id => 'F13h', name => 'network: nothing passes for 20 s, every '
                               . 'second connection is lost',
         times => 1, long => 5, world => $clients, strike => sub {
             during($_[0], $_[1], 'hold', 20);
         }},

        {id => 'F13d', name => 'network: connections break in the middle of '
                               . 'what is received',
         times => 1, long => 5, world => $clients, strike => sub {
             during($_[0], $_[1], 'drop 3000', 10);
         }},

        {id => 'F13r', stall => 3, name => 'network: nothing passes to Redis for 8 s',
         times => 1, long => 5, world => {proxy => 'redis'}, strike => sub {
             during($_[0], $_[1], 'hold', 8);
         }},

        {id => 'F13p', stall => 3, name => 'network: nothing passes to PostgreSQL for 8 s',
         times => 1, long => 5, world => {proxy => 'postgres'},
         strike => sub {
             during($_[0], $_[1], 'hold', 8);
         }},

        {id => 'F14', name => 'every fifth reply is lost', times => 1,
         long => 5, world => $clients, strike => sub {
             my ($world, $load) = @_;

             $world->{network}->be('lose 5');
             $load->flows_in_part(200);
             $world->{network}->be('good');
         }},
    );
}


sub during {
    my ($world, $load, $mode, $seconds) = @_;

    $world->{network}->be($mode);
    $load->dwell($seconds);
    $world->{network}->be('good');
}


1;
