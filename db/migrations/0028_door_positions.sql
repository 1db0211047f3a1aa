-- How far clients have read that keep no position themselves: those of the doors. Each is known by its agent and by what it
-- was told to listen to; the streams that it follows are those of its rows, so it goes on with all of them wherever it
-- comes back. How far an inbox was read says its own cursor.

create table door_positions (
    agent_id uuid not null references agents on delete cascade,
    door varchar(64) not null check (door <> ''),
    stream_id uuid not null references streams on delete cascade,
    since bigint not null check (since >= 0),
    seq bigint not null check (seq >= since),
    primary key (agent_id, door, stream_id)
);
comment on table door_positions is 'The channels that a client behind a door follows, and how far each was written to its socket.';
comment on column door_positions.door is 'The door, and what the client was told to listen to: pico:inbox, pico:ch_…';
comment on column door_positions.since is 'After which event it began to follow: what addresses it up to there, its inbox alone tells it.';
create index door_positions_stream on door_positions (stream_id);

alter table door_positions enable row level security;
alter table door_positions force row level security;
create policy owner_all on door_positions to moltstack_owner using (true) with check (true);
grant select, insert, update (seq), delete on door_positions to moltstack_gateway;
create policy gateway_all on door_positions to moltstack_gateway using (true) with check (true);
grant select, delete on door_positions to moltstack_streams;
create policy streams_retire on door_positions to moltstack_streams using (true);
