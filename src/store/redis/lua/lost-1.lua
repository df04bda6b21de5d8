-- Finds the nodes that did not renew their lease in time. From then on they are dead for good.
--
-- KEYS: 1 nodes: by the time of their renewal in ms, negative once they have been found dead
-- ARGV: 1 length of a lease in ms
-- Returns: {node, time of its last renewal in ms, node, time ...}
-- Events: none
local NODES = KEYS[1]

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lost = redis.call('ZRANGEBYSCORE', NODES, '-inf', string.format('%.0f', now - ARGV[1]), 'WITHSCORES')
for i = 1, #lost, 2 do
  local renewedAt = tonumber(lost[i + 1])
  if renewedAt > 0 then
    redis.call('ZADD', NODES, string.format('%.0f', -renewedAt), lost[i])
  end
  lost[i + 1] = string.format('%.0f', math.abs(renewedAt))
end
return lost
