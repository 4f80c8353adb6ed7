package ChatTest::Faults::Backend;

# Faults of Redis and PostgreSQL.

use strict;
use warnings;

use ChatTest ();


sub faults {
    return (
        {id => 'F4', name => 'Redis is killed, and comes back empty',
         times => 1, long => 10, strike => sub {
             my ($world, $load) = @_;

             $world->{redis}->kill9;

             # sends go on, and so do deliveries
             $load->flows(100);
             $world->{redis}->start;
         }},

        {id => 'F5', name => 'Redis hangs for 5 s', times => 1, long => 10,
         strike => sub {
             my ($world, $load) = @_;

             $world->{redis}->freeze;
             $load->dwell(5);
             $world->{redis}->thaw;
         }},

        {id => 'F7', name => 'PostgreSQL is killed', times => 1, long => 10,
         strike => sub {
             my ($world, $load) = @_;

             $world->{postgres}->kill9;
             $load->dwell(1);
             $world->{postgres}->start;
         }},

        {id => 'F8', name => 'PostgreSQL hangs for 8 s', times => 1,
         long => 10, strike => sub {
             my ($world, $load) = @_;

             $world->{postgres}->freeze;
             $load->dwell(8);
             $world->{postgres}->thaw;
         }},
    );
}


1;
