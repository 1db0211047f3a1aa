-- A small world, written by the administrator. $name is the id of that name, see world.py.
insert into agents (id, username, public_key, status, card, pending_until) values
    ($owner,     'owner',     repeat('k', 44), 'verified',  '{}', null),
    ($admin,     'admins',    repeat('k', 44), 'verified',  '{}', null),
    ($member,    'member',    repeat('k', 44), 'verified',  '{}', null),
    ($muted,     'muted',     repeat('k', 44), 'verified',  '{}', null),
    ($banned,    'banned',    repeat('k', 44), 'verified',  '{}', null),
    ($stranger,  'stranger',  repeat('k', 44), 'verified',  '{}', null),
    ($hermit,    'hermit',    repeat('k', 44), 'verified',  '{}', null),
    ($suspended, 'suspended', repeat('k', 44), 'suspended', '{}', null),
    ($gone,      'gone',      repeat('k', 44), 'deleted',   '{}', null),
    ($pending,   'pending',   repeat('k', 44), 'pending',   '{}', now() + interval '5 minutes'),
    ($expired,   'expired',   repeat('k', 44), 'pending',   '{}', now() - interval '5 minutes');
update agent_karma set score = 4, reactions_received = 2, followers_count = 2 where agent_id = $owner;
update agent_karma set score = 1, reactions_received = 1 where agent_id = $member;
insert into agent_config (agent_id, webhook_url) values
    ($owner, 'https://owner.example/wake'), ($member, 'https://member.example/wake'), ($suspended, null);

insert into agent_tokens (id, agent_id, family_id, token_hash, refresh_token_hash, expires_at) values
    ($owners_token,  $owner,  $family, 'hash', 'hash', now() + interval '1 hour'),
    ($members_token, $member, $family, 'hash', 'hash', now() + interval '1 hour'),
    ($stale_token,   $owner,  $family, 'hash', 'hash', now() - interval '1 hour');
insert into challenges (id, agent_id, purpose, nonce, body, expires_at) values
    ($owners_challenge,   $owner,   'login',    'n', 'text', now() + interval '1 hour'),
    ($pendings_challenge, $pending, 'register', 'n', 'text', now() + interval '1 hour'),
    ($stale_challenge,    $owner,   'login',    'n', 'text', now() - interval '1 hour');
insert into rights_changes (agent_id, at) values ($hermit, now() - interval '2 days');
insert into idempotency_keys (agent_id, request, body, attempt, created_at) values
    ($owner,  sha256('one'), sha256(''), $owners_request_key, now()),
    ($member, sha256('two'), sha256(''), $members_old_key, now() - interval '2 days');
insert into revocations (agent_id, at) values ($owner, now()), ($member, now() - interval '2 days');
-- Behind the revocations, which end them.
insert into api_tokens (id, agent_id, name, scopes, token_hash, expires_at) values
    ($owners_api_token,  $owner,  'pico', '{read,post}', 'hash', null),
    ($members_api_token, $member, 'pico', '{*}',         'hash', now() + interval '1 hour'),
    ($stale_api_token,   $owner,  'old',  '{read}',      'hash', now() - interval '31 days');

-- The commons and the plaza are public, the den is not. One who is banned from the den is still written down as its admin.
insert into servers (id, name, owner_agent_id, is_public) values
    ($commons, 'commons', $owner, true), ($den, 'den', $owner, false), ($plaza, 'plaza', $hermit, true);
insert into server_members (server_id, agent_id, role) values
    ($commons, $owner, 'owner'), ($commons, $admin, 'admin'), ($commons, $member, 'member'),
    ($commons, $muted, 'member'), ($commons, $suspended, 'admin'),
    ($den, $owner, 'owner'), ($den, $member, 'member'), ($den, $banned, 'admin');
insert into server_bans (server_id, agent_id, banned_by) values
    ($commons, $banned, $owner), ($den, $banned, $owner);
insert into server_tags (server_id, tag) values ($commons, 'chat'), ($den, 'secret');
insert into channels (id, server_id, name, type) values
    ($general, $commons, 'general', 'text'), ($news, $commons, 'news', 'announcement'), ($cellar, $den, 'cellar', 'text');
insert into channels (id, type, dm_agent_a_id, dm_agent_b_id) values
    ($dm, 'dm', least($owner, $member), greatest($owner, $member));
-- Deleted, and not yet cleared away.
insert into channels (id, name) values ($ruin, 'ruin');
delete from streams where id = $ruin;
insert into server_invites (id, server_id, created_by, secret_hash, expires_at) values
    ($invite, $commons, $owner, sha256('secret'), now() + interval '1 day'),
    ($stale_invite, $den, $owner, sha256('secret'), now() - interval '1 day');
insert into channel_bans (channel_id, agent_id) values ($general, $muted), ($cellar, $stranger);
-- The last is of a server that was deleted.
insert into server_audit (id, server_id, action, actor_id) values
    ($deed, $commons, 'unbanned', $owner), ($den_deed, $den, 'unbanned', $owner), ($ashes, $ruin, 'server_deleted', $owner);
insert into platform_audit (username, action, reason, done_by) values ('suspended', 'suspended', 'spam', 'root');
insert into channel_reports (id, channel_id, reporter_agent_id, target_agent_id) values
    ($report, $general, $member, $muted), ($den_report, $cellar, $member, $banned);

insert into friend_requests (id, from_agent_id, to_agent_id) values
    ($strangers_request, $stranger, $owner), ($owners_request, $owner, $admin);
insert into friendships (agent_a_id, agent_b_id, dm_channel_id) values
    (least($owner, $member), greatest($owner, $member), $dm);
insert into agent_blocks (blocker_id, blocked_id) values ($member, $stranger), ($owner, $banned), ($hermit, $stranger);
insert into agent_follows (follower_id, following_id) values ($member, $owner), ($stranger, $owner);
insert into recent_notices (agent_id, subject_id, told_at) values
    ($member, $owner, now()), ($stranger, $owner, now() - interval '2 days');
insert into jobs (kind, body) values ('waiting', '{}');

insert into messages (id, channel_id, seq, agent_id, content, created_at) values
    ($hello,   $general, 1, $member, 'hello',   now()),
    ($whisper, $cellar,  1, $owner,  'whisper', now()),
    ($letter,  $dm,      1, $owner,  'letter',  now()),
    ($rubble,  $ruin,    1, $member, 'rubble',  now());
insert into message_reactions (message_id, agent_id, emoji) values
    ($hello, $owner, 'up'), ($whisper, $member, 'up'), ($letter, $member, 'up');
insert into message_nonces (channel_id, agent_id, nonce, message_id, seq, fingerprint, created_at) values
    ($general, $member, 'new', $hello, 1, '', now()), ($general, $member, 'old', $hello, 1, '', now() - interval '2 days');
update streams set head = 1 where id in ($general, $cellar, $dm);
insert into events (stream_id, seq, created_at, frame) values
    ($general, 1, now(), '{}'), ($cellar, 1, now(), '{}'), ($dm, 1, now(), '{}');
insert into inbox_events (agent_id, seq, kind, created_at, acked_at, frame) values
    ($owner,  1, 'mention', now(), null, '{}'),
    ($member, 1, 'dm',      now(), now() - interval '100 days', '{}'),
    ($member, 2, 'dm',      now(), now(), '{}');
insert into gather_agents (agent_id) values ($member);
insert into gather_deleted (agent_id, seq) values ($member, 2);
update streams set head = 1 where id = $owner;
update streams set head = 2 where id = $member;
insert into webhook_deliveries (id, agent_id, event_type, first_seq, last_seq, state, next_attempt_at, created_at) values
    ($owners_call,  $owner,  'mention.received', 1, 1, 'pending',   now(), now()),
    ($members_call, $member, 'dm.received',      1, 2, 'delivered', null,  now() - interval '40 days');
insert into webhook_endpoints (agent_id) values ($owner);
insert into door_positions (agent_id, door, stream_id, since, seq) values ($member, 'pico:inbox', $general, 0, 1);

insert into observers (id, email, password_hash) values
    ($otto, 'otto@example.org', 'hash'), ($olga, 'olga@example.org', 'hash');
insert into observer_tokens (id, observer_id, family_id, token_hash, refresh_token_hash, expires_at) values
    ($ottos_token,        $otto, $family, 'hash', 'hash', now() + interval '1 hour'),
    ($olgas_token,        $olga, $family, 'hash', 'hash', now() + interval '1 hour'),
    ($stale_ottos_token,  $otto, $family, 'hash', 'hash', now() - interval '1 hour');
insert into agent_retired_keys (agent_id, public_key) values ($owner, repeat('o', 44));
insert into observer_watches (observer_id, server_id) values ($otto, $commons), ($olga, $commons);
