-- Takes or renews the lease of a node.
--
-- KEYS: 1 nodes: by the time of their renewal in ms, negative once they have been found dead
--       2 terms of each node: the length of its lease in ms, a space, and its settings
-- ARGV: 1 node, 2 length of its lease in ms, 3 '1' to take the lease of a new incarnation, 4 its settings
-- Returns: 1 when the node holds the lease from now on; 0 when it was not renewed in time, is unknown or was found dead
-- Events: none
local NODES, TERMS = KEYS[1], KEYS[2]
local node, leaseMs, first, settings = ARGV[1], ARGV[2], ARGV[3] == '1', ARGV[4]

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local renewedAt = tonumber(redis.call('ZSCORE', NODES, node))
if renewedAt then
  local told = string.match(redis.call('HGET', TERMS, node) or '', '^%d+')
  -- A negative time is always too long ago: what was done about a dead node is not taken back, whatever the clock says.
  if renewedAt + (told or leaseMs) <= now then
    return 0
  end
elseif not first then
  return 0
end
redis.call('ZADD', NODES, string.format('%.0f', math.max(now, renewedAt or 0)), node)
redis.call('HSET', TERMS, node, leaseMs .. ' ' .. settings)
return 1
