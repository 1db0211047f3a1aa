-- Count one act against several windows at once: either all of them have room and all are counted, or none is.
-- KEYS: one per rule, a list of the times (milliseconds) of the acts that count. ARGV: limit and window per rule; one more
-- argument says that it is only asked whether there is room.
-- The windows slide: in no stretch of a window's length are there more acts than its limit.
-- Answers: allowed (1 or 0), the number from 0 of the rule that decides, how many acts are left by it, and the
-- milliseconds until there is one more.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local refused, tightest = nil, nil
for i, key in ipairs(KEYS) do
    local limit, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    local oldest = redis.call('LINDEX', key, 0)
    while oldest and tonumber(oldest) <= now - window do
        redis.call('LPOP', key)
        oldest = redis.call('LINDEX', key, 0)
    end
    local used = redis.call('LLEN', key)
    if used >= limit then
        -- Of more than the limit (it may have been lowered) the surplus must leave first.
        local leaves = redis.call('LINDEX', key, used - limit)
        local wait = leaves and leaves + window - now or window
        if refused == nil or wait > refused[2] then
            refused = {i - 1, wait}
        end
    elseif tightest == nil or limit - used < tightest[2] then
        tightest = {i - 1, limit - used, oldest and oldest + window - now or window}
    end
end
if refused then
    return {0, refused[1], 0, refused[2]}
end
if #ARGV > 2 * #KEYS then
    return {1, tightest[1], tightest[2], tightest[3]}
end
for i, key in ipairs(KEYS) do
    redis.call('RPUSH', key, now)
    redis.call('PEXPIRE', key, ARGV[2 * i])
end
return {1, tightest[1], tightest[2] - 1, tightest[3]}
