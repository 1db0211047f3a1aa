-- Count one act against several windows at once: either all of them have room and all are counted, or none is.
-- KEYS: one per rule. ARGV: cost, then limit and window (milliseconds) per rule.
-- Answers: allowed (1 or 0), then of the rule with the least room left: its number from 0, what remains, and the
-- milliseconds to its reset.
local cost = tonumber(ARGV[1])
local allowed = 1
local tightest = nil
for i, key in ipairs(KEYS) do
    local limit, window = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
    local used = tonumber(redis.call('GET', key) or '0')
    local reset = redis.call('PTTL', key)
    if reset < 0 then
        reset = window
    end
    local remaining = limit - used - cost
    if remaining < 0 then
        allowed = 0
    end
    if tightest == nil or remaining < tightest[2] then
        tightest = {i - 1, remaining, reset}
    end
end
if allowed == 1 then
    for i, key in ipairs(KEYS) do
        if redis.call('INCRBY', key, cost) == cost then
            redis.call('PEXPIRE', key, ARGV[2 * i + 1])
        end
    end
    return {1, tightest[1], tightest[2], tightest[3]}
end
return {0, tightest[1], math.max(0, tightest[2] + cost), tightest[3]}
