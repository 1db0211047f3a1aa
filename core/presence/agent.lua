-- Decide an agent's state.
-- KEYS: the agent's record, a hash: act (time of its last act), timeout, hand (what it chose), state, at (since when), and
-- for each gateway that has sessions of it, '@' and the gateway's id: since when. Times are in milliseconds, of Redis.
-- ARGV: the gateway that asks ('' for who has no sessions), whether it has sessions of the agent ('1' or '0'), whether one
-- has just begun ('1'), the idle timeout ('' as before), a new choice ('' none, 'online' takes it back), how many gateways
-- live and which, then those that are lost.
-- Answers: whether this call changed the state (1 or 0), the state, since when, milliseconds until it may change by itself
-- (-1 never), the choice, then the other gateways that have sessions.
local key, gateway, here, fresh, timeout, wish = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function text(number)
    return string.format('%.0f', number)
end

local alive, lost = {}, {}
for i = 7, #ARGV do
    (i <= 6 + ARGV[6] and alive or lost)[ARGV[i]] = true
end
local record, others, mine = {}, {}, false
local fields = redis.call('HGETALL', key)
for i = 1, #fields, 2 do
    local field, value = fields[i], fields[i + 1]
    local name = string.sub(field, 2)
    if string.sub(field, 1, 1) ~= '@' then
        record[field] = value
    elseif name == gateway then
        mine = true
    elseif alive[name] or (not lost[name] and now - value < 10000) then
        -- One that began so lately may not have been heard of by who asks.
        others[#others + 1] = name
    else
        redis.call('HDEL', key, field)
    end
end
local before = record.state or 'offline'
if here ~= '1' and #others == 0 then
    redis.call('DEL', key)
    return {before ~= 'offline' and 1 or 0, 'offline', now, -1, ''}
end

local was_away = record.state == nil or not (mine or #others > 0)
local act, hand = tonumber(record.act), record.hand or ''
if was_away then
    hand = ''
end
if was_away or (fresh == '1' and before == 'offline') then
    act = now
end
if wish ~= '' then
    hand = wish ~= 'online' and wish or ''
end
timeout = tonumber(timeout ~= '' and timeout or record.timeout or 60000)
local silent = now - act
local state, due = 'online', timeout / 2 - silent
if hand ~= '' then
    state, due = hand, -1
elseif silent >= timeout then
    state, due = 'offline', -1
elseif silent >= timeout / 2 then
    state, due = 'idle', timeout - silent
end
local at = record.at
if at == nil or state ~= before then
    at = text(now)
end
redis.call('HSET', key, 'act', text(act), 'timeout', text(timeout), 'hand', hand, 'state', state, 'at', at)
if here == '1' and not mine then
    redis.call('HSET', key, '@' .. gateway, text(now))
elseif here ~= '1' and mine then
    redis.call('HDEL', key, '@' .. gateway)
end
redis.call('EXPIRE', key, 3600)
local answer = {state ~= before and 1 or 0, state, tonumber(at), math.ceil(due), hand}
for _, name in ipairs(others) do
    answer[#answer + 1] = name
end
return answer
