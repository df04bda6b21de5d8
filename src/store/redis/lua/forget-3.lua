-- Forgets a node in one partition, unless sessions of somebody there are still bound to it.
--
-- KEYS: 1 members of the node, 2 forgotten nodes by the time in seconds, 3 nodes to which somebody has been bound
-- ARGV: 1 node, 2 how a binding to it looks in a record, 3 what the keys of the partition's records begin with,
--       4 for how many seconds it is remembered that the node was forgotten
-- Returns: how many members are left; with 0 the node is forgotten and commits that bind to it are refused
-- Events: none
local MEMBERS, FORGOTTEN, BOUND = KEYS[1], KEYS[2], KEYS[3]
local node, binding, records, rememberFor = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

-- A record that was lost or written by hand must not keep a dead node for ever. All records share the slot of KEYS.
for _, user in ipairs(redis.call('SMEMBERS', MEMBERS)) do
  local record = redis.call('GET', records .. user)
  if not record or not string.find(record, binding, 1, true) then
    redis.call('SREM', MEMBERS, user)
  end
end
local left = redis.call('SCARD', MEMBERS)
if left == 0 then
  local now = redis.call('TIME')[1]
  redis.call('ZREMRANGEBYSCORE', FORGOTTEN, '-inf', string.format('%.0f', now - rememberFor))
  redis.call('ZADD', FORGOTTEN, now, node)
  redis.call('SREM', BOUND, node)
end
return left
