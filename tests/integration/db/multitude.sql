-- A million rows of messages and events, and what else a grown installation holds. Ids are numbers: the kind in front
-- (1 agent, 2 server, 3 channel, 4 message, 5 anything else), the number behind. Half of the messages are in channel 1.
-- Written as replication would write it, without triggers and keys being checked row by row.
set session_replication_role = replica;
set synchronous_commit = off;
create function pg_temp.id(kind integer, n bigint) returns uuid language sql immutable as
    $$ select (lpad(to_hex(kind), 8, '0') || lpad(to_hex(n), 24, '0'))::uuid $$;
-- Three days' worth from today on, since these are the days that have partitions.
create function pg_temp.at(n bigint) returns timestamptz language sql stable as
    $$ select date_trunc('day', now(), 'UTC') + n * interval '1 second' $$;

insert into agents (id, username, public_key, status, card, pending_until, created_at)
select pg_temp.id(1, n), 'agent-' || n, repeat('k', 44), case when n > 199600 then 'pending' else 'verified' end,
       '{"id":"agt_x"}', case when n > 199600 then now() + n % 1000 * interval '1 second' end,
       now() - n * interval '1 minute'
from generate_series(1, 200000) n;
insert into streams (id, kind, head) select id, 'inbox', 2 from agents;
insert into inbox_cursors (agent_id, acked) select id, 1 from agents;
-- The rest for every fifth of them.
create temporary view active as select id from agents where id <= pg_temp.id(1, 40000);
insert into agent_karma (agent_id, score, followers_count) select id, 2, 2 from active;
insert into agent_config (agent_id, webhook_url)
select id, case when id <= pg_temp.id(1, 100) then 'https://hook.example/' end from active;
insert into webhook_endpoints (agent_id, due_at)
select id, case when id > pg_temp.id(1, 50) and id <= pg_temp.id(1, 60) then now() end from active;
insert into inbox_events (agent_id, seq, kind, created_at, acked_at, wake, frame)
select id, seq, 'mention', now(), case when seq = 1 then now() - interval '1 day' end,
       case when id > pg_temp.id(1, 100) then 'none' end,
       convert_to('{"op":"mention","message":{"content":"' || repeat('x', 150) || '"}}', 'UTF8')
from active, generate_series(1, 2) seq;
insert into challenges (id, agent_id, purpose, nonce, body, expires_at)
select id, id, 'login', 'n', 'text', now() + interval '5 minutes' from active;
insert into agent_tokens (id, agent_id, family_id, token_hash, refresh_token_hash, expires_at)
select id, id, id, 'hash', 'hash', now() + interval '30 days' from active;
insert into api_tokens (id, agent_id, name, scopes, token_hash) select id, id, 'pico', '{*}', 'hash' from active;
insert into door_positions (agent_id, door, stream_id, since, seq) select id, 'pico:inbox', id, 0, 0 from active;
insert into revocations (agent_id, family_id, at) select id, id, now() - interval '1 hour' from active;
insert into agent_follows (follower_id, following_id)
select pg_temp.id(1, n), pg_temp.id(1, n + d) from generate_series(1, 39000) n, generate_series(1, 2) d;
insert into friend_requests (id, from_agent_id, to_agent_id, status)
select pg_temp.id(5, n), pg_temp.id(1, n), pg_temp.id(1, n + 11), case when n % 3 = 0 then 'pending' else 'rejected' end
from generate_series(1, 39000) n;
insert into recent_notices (agent_id, subject_id) select follower_id, following_id from agent_follows;
insert into jobs (kind, body, run_at) select 'later', '{}', now() + n * interval '1 minute' from generate_series(1, 20000) n;
insert into agent_blocks (blocker_id, blocked_id)
select pg_temp.id(1, n), pg_temp.id(1, n + 7) from generate_series(1, 39000, 2) n;

-- Server 1 is busy and has 500 members; the others have one owner and two members, every tenth is private.
insert into servers (id, name, owner_agent_id, is_public, member_count, created_at)
select pg_temp.id(2, n), 'server ' || n, pg_temp.id(1, n), n % 10 <> 0, case when n = 1 then 500 else 3 end,
       now() - n * interval '1 minute'
from generate_series(1, 20000) n;
insert into streams (id, kind) select id, 'server' from servers;
insert into server_tags (server_id, tag) select id, 'tag-' || d from servers, generate_series(1, 2) d;
insert into server_members (server_id, agent_id, role)
select pg_temp.id(2, n), pg_temp.id(1, n + d), case when d = 0 then 'owner' else 'member' end
from generate_series(1, 20000) n, generate_series(0, 2) d;
insert into server_members (server_id, agent_id)
select pg_temp.id(2, 1), pg_temp.id(1, n * 41) from generate_series(1, 497) n;
insert into server_bans (server_id, agent_id, banned_by)
select pg_temp.id(2, n), pg_temp.id(1, n + 5), pg_temp.id(1, n) from generate_series(1, 20000) n;
insert into channels (id, server_id, name)
select pg_temp.id(3, n), pg_temp.id(2, n), 'general' from generate_series(1, 20000) n;
insert into channels (id, server_id, name, position)
select pg_temp.id(3, 20000 + n), pg_temp.id(2, 1), 'room', n from generate_series(1, 99) n;
insert into channels (id, type, dm_agent_a_id, dm_agent_b_id)
select pg_temp.id(3, 30000 + n), 'dm', pg_temp.id(1, n), pg_temp.id(1, n + 1) from generate_series(1, 10000) n;
insert into friendships (agent_a_id, agent_b_id, dm_channel_id)
select dm_agent_a_id, dm_agent_b_id, id from channels where type = 'dm';
insert into streams (id, kind, head)
select id, 'channel', case when id = pg_temp.id(3, 1) then 250000 else 10 end from channels;
insert into channel_bans (channel_id, agent_id)
select pg_temp.id(3, n), pg_temp.id(1, n + 6) from generate_series(1, 20000) n;
insert into channel_reports (id, channel_id, reporter_agent_id, target_agent_id)
select pg_temp.id(5, n), pg_temp.id(3, n), pg_temp.id(1, n), pg_temp.id(1, n + 2) from generate_series(1, 20000) n;
insert into channel_reports (id, channel_id, reporter_agent_id, target_agent_id)
select pg_temp.id(5, 20000 + n), pg_temp.id(3, 1), pg_temp.id(1, n * 41), pg_temp.id(1, 41) from generate_series(2, 400) n;
insert into server_audit (server_id, action, actor_id, target_id)
select pg_temp.id(2, case when n % 2 = 0 then 1 else n end), 'banned', pg_temp.id(1, n), pg_temp.id(1, n + 5)
from generate_series(1, 20000) n;

insert into messages (id, channel_id, seq, agent_id, content, reply_to, created_at)
select pg_temp.id(4, n), pg_temp.id(3, 1), n, pg_temp.id(1, 41 * (1 + n % 490)), 'message ' || n || ' of the busy channel',
       pg_temp.id(4, greatest(1, n - 10)), pg_temp.at(n)
from generate_series(1, 250000) n;
insert into messages (id, channel_id, seq, agent_id, content, created_at)
select pg_temp.id(4, n), pg_temp.id(3, 2 + (n - 250001) / 10), 1 + n % 10, pg_temp.id(1, 2 + (n - 250001) / 10),
       'message ' || n || ' of a quiet channel', pg_temp.at(n % 250000)
from generate_series(250001, 440000) n;
insert into messages (id, channel_id, seq, agent_id, content, created_at)
select pg_temp.id(4, n), pg_temp.id(3, 30001 + (n - 440001) / 6), 1 + (n - 440001) % 6,
       pg_temp.id(1, 1 + (n - 440001) / 6), 'a letter', pg_temp.at(n % 250000)
from generate_series(440001, 500000) n;
-- What app.words gives for plain letters, and an index that is made at once: both for speed.
drop index search_documents_words;
insert into search_documents (message_id, words) select id, to_tsvector('simple', content) from messages where id <= pg_temp.id(4, 440000);
create index search_documents_words on search_documents using gin (words);
insert into search_due (channel_id, first_seq, last_seq, fresh) select pg_temp.id(3, 2 + n), 1, 1, true from generate_series(1, 20) n;
insert into activity (hour, server_id, agent_id, messages)
select date_trunc('hour', now(), 'UTC'), pg_temp.id(2, n), pg_temp.id(1, n), n % 7 from generate_series(1, 20000) n;
insert into feed_items (seq, kind, subject_id, at)
select n, 'message', pg_temp.id(4, n), now() - (60000 - n) * interval '10 seconds' from generate_series(1, 60000) n;
update streams set head = 60000 where id = app.feed();
insert into events (stream_id, seq, created_at, frame)
select channel_id, seq, created_at, convert_to('{"op":"message","content":"' || repeat('x', 150) || '"}', 'UTF8') from messages;
insert into message_reactions (message_id, agent_id, emoji)
select pg_temp.id(4, n), pg_temp.id(1, 1 + n % 7 * 41), 'up' from generate_series(200001, 250000) n;
insert into message_nonces (channel_id, agent_id, nonce, message_id, seq, fingerprint, created_at)
select channel_id, agent_id, 'nonce-' || seq, id, seq, '', now() - interval '1 hour' from messages
where id > pg_temp.id(4, 200000) and id <= pg_temp.id(4, 250000);
insert into webhook_deliveries (id, agent_id, event_type, first_seq, last_seq, state)
select id, id, 'mention.received', 1, 2, 'delivered' from active;
reset session_replication_role;
reset synchronous_commit;
