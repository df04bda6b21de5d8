-- Gives nodes whose lease is unknown one that was renewed now.
--
-- KEYS: 1 nodes: by the time of their renewal in ms, negative once they have been found dead
--       2 terms of each node: the length of its lease in ms, a space, and its settings
-- ARGV: 1 length of the lease in ms, 2 settings to note for it, then the nodes
-- Returns: how many were unknown
-- Events: none
local NODES, TERMS = KEYS[1], KEYS[2]
local leaseMs, settings = ARGV[1], ARGV[2]

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local unknown = 0
for i = 3, #ARGV do
  if not redis.call('ZSCORE', NODES, ARGV[i]) then
    redis.call('ZADD', NODES, string.format('%.0f', now), ARGV[i])
    redis.call('HSET', TERMS, ARGV[i], leaseMs .. ' ' .. settings)
    unknown = unknown + 1
  end
end
return unknown
