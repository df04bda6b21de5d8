-- Finds the nodes that did not renew their lease in time, each by its own. From then on they are dead for good.
--
-- KEYS: 1 nodes: by the time of their renewal in ms, negative once they have been found dead
--       2 terms of each node: the length of its lease in ms, a space, and its settings
-- ARGV: none
-- Returns: {node, time of its last renewal in ms, node, time ...}
-- Events: none
local NODES, TERMS = KEYS[1], KEYS[2]
-- Of a node that has not said how long its lease is, ms: six times the default.
local UNTOLD = 60000

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local nodes = redis.call('ZRANGE', NODES, 0, -1, 'WITHSCORES')
local lost = {}
for i = 1, #nodes, 2 do
  local node, renewedAt = nodes[i], tonumber(nodes[i + 1])
  local leaseMs = string.match(redis.call('HGET', TERMS, node) or '', '^%d+') or UNTOLD
  if renewedAt + leaseMs <= now then
    if renewedAt > 0 then
      redis.call('ZADD', NODES, string.format('%.0f', -renewedAt), node)
    end
    table.insert(lost, node)
    table.insert(lost, string.format('%.0f', math.abs(renewedAt)))
  end
end
-- Of those that have been forgotten.
if redis.call('HLEN', TERMS) > #nodes / 2 then
  for _, node in ipairs(redis.call('HKEYS', TERMS)) do
    if not redis.call('ZSCORE', NODES, node) then
      redis.call('HDEL', TERMS, node)
    end
  end
end
return lost
