-- Reads whose deadline has passed, and corrects the head's idea of the earliest deadline where it is too early.
--
-- KEYS: 1 due, 2 head
-- ARGV: 1 now in ms, 2 how many to return at most
-- Returns: {user, deadline, user, deadline ...}, the earliest first
-- Events: none
local DUE, HEAD = KEYS[1], KEYS[2]
local NO_DEADLINE = '9007199254740991'

local due = redis.call('ZRANGEBYSCORE', DUE, '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[2])
if #due == 0 then
  local head = redis.call('GET', HEAD)
  if head then
    local earliest = redis.call('ZRANGE', DUE, 0, 0, 'WITHSCORES')[2] or NO_DEADLINE
    redis.call('SET', HEAD, string.match(head, '^.* ') .. earliest)
  end
end
return due
