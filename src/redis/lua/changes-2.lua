-- Reads whom changes were published of after a position.
--
-- KEYS: 1 head, 2 log
-- ARGV: 1 epoch of the position, empty for a partition in which nothing had ever been committed; 2 its sequence
-- Returns: {head, users}; head is empty where nothing was ever committed; users is nothing where the log cannot tell:
--          the epoch is another one, the sequence went back, or the log does not reach back so far.
-- Events: none
local HEAD, LOG = KEYS[1], KEYS[2]
local epoch, from = ARGV[1], tonumber(ARGV[2])

local head = redis.call('GET', HEAD)
if not head then
  return { '', epoch == '' and {} }
end
local seq, current, floor = string.match(head, '^%d+ (%d+) (%S+) (%d+) ')
if (epoch ~= '' and epoch ~= current) or tonumber(seq) < from or tonumber(floor) > from then
  return { head, false }
end
return { head, redis.call('ZRANGEBYSCORE', LOG, '(' .. ARGV[2], '+inf') }
