# What the widget costs the page that it is in.

use strict;
use warnings;

use Bench::Load ();
use Bench::Program ();
use Bench::Setup ();

return {
    order => 15,
    title => 'the widget in a page, where the processor is four times slower',
    goal => 'script <= 25 ms closed, <= 80 ms to open; nothing moves',
    size => {pairs => [1, 1]},
    cost => {start => 6, fewer => 1, fixed => 1, each => 6},

    measure => sub {
        my ($bench, $size) = @_;

        my $setup = Bench::Setup->new($bench, conversations => 1);
        my $t = $setup->chat('redis');
        my $script = $bench->top . '/t/bench/node/widget.js';
        my $prefix = Bench::Load::url($t, '/support/');

        $bench->alternate('page', $bench->fewer, ['widget' => sub {
            Bench::Program::json("node $script $prefix $size->{pairs}") }]);
        $setup->stop;
    },

    tell => sub {
        my ($tell) = @_;

        $tell->table('beside the page without it', 'page', undef,
            ['script of the page, ms', 'page_ms'],
            ['closed, ms more', 'closed_ms'],
            ['long tasks more', 'tasks'], ['to open, ms', 'open_ms'],
            ['click to focus, ms', 'focus_ms'], ['layout shift', 'shift']);
        $tell->goal('script time of the widget, closed', unit => 'ms',
                    ours => ['page', 'widget', 'closed_ms'],
                    want => '<= 25');
        $tell->goal('the same, to open', unit => 'ms',
                    ours => ['page', 'widget', 'open_ms'], want => '<= 80');
        $tell->goal('layout shift', want => '<= 0',
                    ours => ['page', 'widget', 'shift']);
    },
};
