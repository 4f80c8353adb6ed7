# Read marks: they move forward, never beyond the head, and are a state.

use Test::Nginx::Socket;
use ChatTest;
use ChatTest::Block;

our ($Alice, $Dana) = (visitor('alice'), agent('dana', name => 'Dana'));

# 1 visitor, 2 agent, 3 note, 4 agent
our @Id = map {
    my $id = conversation('alice', 'one');
    message($id, 'agent dana', 'two');
    message($id, 'note dana', 'three');
    message($id, 'agent dana', 'four');
    $id;
} 0 .. 6;

sub mark {
    my ($n, $seq) = @_;
    return qq(POST /support/v1/conversations/$Id[$n]/read\n{"seq":$seq});
}

sub marks {
    my ($n) = @_;
    return 'SELECT kind, seq, public_seq FROM chat.read_mark '
           . "WHERE conversation = '$Id[$n]' ORDER BY kind";
}

plan tests => 30;
run_tests();

__DATA__

=== TEST 1: a visitor has read up to a message
--- as: visitor alice
--- request eval
[main::mark(0, 2), "GET /support/v1/conversations/$::Id[0]"]
--- error_code eval
[204, 200]
--- json eval
[undef, qq({"read": {"visitor:$::Alice": 2}, "unread": 1})]
--- sql eval
main::marks(0)
--- sql_is: visitor|2|2



=== TEST 2: a mark does not go back
--- as: visitor alice
--- request eval
[main::mark(1, 4), main::mark(1, 2)]
--- error_code eval
[204, 204]
--- sql eval
main::marks(1)
--- sql_is: visitor|4|4



=== TEST 3: a mark beyond the head is the head
--- as: agent dana
--- request eval
[main::mark(2, 4000), "GET /support/v1/conversations/$::Id[2]"]
--- error_code eval
[204, 200]
--- json eval
[undef, qq({"read": {"agent:$::Dana": 4}, "unread": 0})]
--- sql eval
main::marks(2)
--- sql_is: agent|4|4



=== TEST 4: to a visitor an agent's mark is the last public message
--- as
agent dana
visitor alice
agent dana
--- request eval
[main::mark(3, 3), ("GET /support/v1/conversations/$::Id[3]") x 2]
--- error_code eval
[204, 200, 200]
--- json eval
[undef, qq({"read": {"agent:$::Dana": 2}}),
 qq({"read": {"agent:$::Dana": 3}})]



=== TEST 5: seq 0 marks nothing
--- as: visitor alice
--- request eval
main::mark(4, 0)
--- error_code: 204
--- sql eval
main::marks(4)
--- sql_is:



=== TEST 6: what is no seq
--- as: visitor alice
--- request eval
[map { main::mark(5, $_) } '"2"', '-1', '2.5', 'null', '1e3',
 '9223372036854775808']
--- error_code_like eval
[('^422$') x 5, '^(400|422)$']
--- sql eval
main::marks(5)
--- sql_is:



=== TEST 7: a body without seq
--- as: visitor alice
--- request eval
"POST /support/v1/conversations/$::Id[5]/read\n{}"
--- error_code: 422
--- json
{"code": "invalid_field", "field": "seq"}



=== TEST 8: somebody else's conversation
--- as: visitor bob
--- request eval
main::mark(6, 1)
--- error_code: 404
--- sql eval
main::marks(6)
--- sql_is:



=== TEST 9: nobody
--- request eval
main::mark(6, 1)
--- error_code: 401
