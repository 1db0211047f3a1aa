-- Note that an agent has acted.
-- KEYS: the agent's record (see agent.lua). ARGV: how many milliseconds ago it was.
-- Answers: the gateways that should look at the agent again, since it may be online now; mostly none.
local key = KEYS[1]
local state, hand, act = unpack(redis.call('HMGET', key, 'state', 'hand', 'act'))
if not state then
    return {}
end
local time = redis.call('TIME')
local at = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[1]
if at > tonumber(act) then
    redis.call('HSET', key, 'act', string.format('%.0f', at))
end
local found = {}
if state ~= 'online' and hand == '' then
    for _, field in ipairs(redis.call('HKEYS', key)) do
        if string.sub(field, 1, 1) == '@' then
            found[#found + 1] = string.sub(field, 2)
        end
    end
end
return found
