-- Leave a gateway's stamp, and look at those of all.
-- KEYS: the hash of stamps. ARGV: the gateway's id, '' for who only looks.
-- Answers: the time, this gateway's last stamp (-1 where there was none), then id and stamp of each. In milliseconds.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer = {now, -1}
if ARGV[1] ~= '' then
    answer[2] = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or -1)
    redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now))
end
local stamps = redis.call('HGETALL', KEYS[1])
for i = 1, #stamps, 2 do
    -- Those of gateways that are gone are kept for a day, by which their leavings are known for what they are.
    if now - stamps[i + 1] > 86400000 then
        redis.call('HDEL', KEYS[1], stamps[i])
    else
        answer[#answer + 1] = stamps[i]
        answer[#answer + 1] = tonumber(stamps[i + 1])
    end
end
return answer
