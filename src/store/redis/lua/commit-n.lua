-- Replaces records of users, each if it is still the expected one. Each commit stands for itself: what happens to one of
-- them is nothing to the others.
--
-- KEYS: the record of each commit. What else a commit touches is named after it: all keys of a partition begin alike, up
--       to and with the hash tag, and share a slot. A cluster must be told of them too, behind the records, or it would
--       run the script while some of them are at another master: head, due, log, forgotten, and the members of each node.
-- ARGV: 1 how many commits; 2 the command to publish with; 3 an epoch, in case a partition has none; 4 how many users the
--       log of a partition holds; then for each commit
--       control: 'revision deadline visible joins leaves', that is the expected revision, the deadline in ms or 'none',
--                '1' to publish, and how many nodes the user gets bound to and freed from;
--       user;
--       record: its own revision first, which the new one has to exceed, and "rev":-1 wherever the new one belongs besides;
--       where published, user as JSON;
--       the nodes that the user joins, then those that the user leaves.
-- Returns: {time in µs, outcomes}, in the order of the commits
--          {1, revision}: committed;
--          {0, current record or nothing}: another commit was first;
--          {-1}: a node that the user joins has been forgotten;
--          {-2, error}: a key holds what none of our scripts can have put there; the commit may be half done.
--          With {0} and {-1} nothing was written.
-- Events: {"epoch", "seq", "id", "record"} as JSON on the channel of the partition
--
-- Where there is no cluster, it also touches rollcall:revision.
local COMMITS, PUBLISH, NEW_EPOCH, LOG_SIZE = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
-- The number in the head for "no deadline": Number.MAX_SAFE_INTEGER.
local NO_DEADLINE = '9007199254740991'
-- Where one server has all partitions their revisions are one order, also where its clock has run back: the newest one.
local ORDER = PUBLISH == 'PUBLISH' and 'rollcall:revision'

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local newest = tonumber(ORDER and redis.call('GET', ORDER) or 0)
local newestBefore = newest

-- `at` is where the arguments of the commit begin.
local function commit(RECORD, at, expected, deadline, visible, joins, leaves)
  local user, record = ARGV[at + 1], ARGV[at + 2]
  local partition = string.match(RECORD, '^rollcall:{p%d+}:')
  local HEAD = partition .. 'head'

  local values = redis.call('MGET', RECORD, HEAD)
  local current, head = values[1], values[2]
  local revision = '0'
  if current then
    revision = string.match(current, '^{"rev":(%d+),') or 'none'
  end
  if revision ~= expected then
    return { 0, current }
  end
  local nodes = at + 2 + visible
  for i = nodes + 1, nodes + joins do
    if redis.call('ZSCORE', partition .. 'forgotten', ARGV[i]) then
      return { -1 }
    end
  end

  local lastRev, seq, epoch, floor, earliest = '0', '0', NEW_EPOCH, '0', NO_DEADLINE
  if head then
    lastRev, seq, epoch, floor, earliest = string.match(head, '^(%d+) (%d+) (%S+) (%d+) (%S+)$')
  end
  -- All of these are below 2^53, which doubles hold exactly; %.0f writes them in full.
  local own = string.match(record, '^{"rev":(%d+),') or '0'
  local rev = string.format('%.0f', math.max(now, newest + 1, lastRev + 1, revision + 1, own + 1))
  record = '{"rev":' .. rev .. string.sub(record, string.find(record, ',', 1, true), -1)
  -- Only a key can look like this: inside a string of JSON every quote has a backslash before it.
  if string.find(record, '"rev":-1', 1, true) then
    record = string.gsub(record, '"rev":%-1', '"rev":' .. rev)
  end
  redis.call('SET', RECORD, record)
  if ORDER then
    newest = tonumber(rev)
  end

  if deadline ~= 'none' then
    redis.call('ZADD', partition .. 'due', deadline, user)
    if tonumber(deadline) < tonumber(earliest) then
      earliest = deadline
    end
  else
    redis.call('ZREM', partition .. 'due', user)
  end
  for i = nodes + 1, nodes + joins do
    redis.call('SADD', partition .. 'members:' .. ARGV[i], user)
  end
  for i = nodes + joins + 1, nodes + joins + leaves do
    redis.call('SREM', partition .. 'members:' .. ARGV[i], user)
  end

  if visible == 1 then
    seq = string.format('%.0f', seq + 1)
    redis.call('ZADD', partition .. 'log', seq, user)
    -- In batches: a log that is full would else be trimmed by every commit.
    local size = redis.call('ZCARD', partition .. 'log')
    if size > LOG_SIZE + LOG_SIZE / 16 then
      local dropped = redis.call('ZPOPMIN', partition .. 'log', size - LOG_SIZE)
      floor = dropped[#dropped]
    end
    redis.call(PUBLISH, partition .. 'changes',
      '{"epoch":"' .. epoch .. '","seq":' .. seq .. ',"id":' .. ARGV[at + 3] .. ',"record":' .. record .. '}')
  end
  redis.call('SET', HEAD, rev .. ' ' .. seq .. ' ' .. epoch .. ' ' .. floor .. ' ' .. earliest)
  return { 1, tonumber(rev) }
end

-- What the server refuses, it refuses to all commits alike, from the first write on: that becomes the script's answer.
local REFUSALS = { 'READONLY', 'OOM', 'MISCONF', 'NOREPLICAS', 'CLUSTERDOWN', 'non local key' }
local function refusal(text)
  for _, code in ipairs(REFUSALS) do
    local from = string.find(text, code, 1, true)
    if from then
      return string.sub(text, from)
    end
  end
end

local outcomes, at = {}, 5
for i = 1, COMMITS do
  local expected, deadline, visible, joins, leaves = string.match(ARGV[at], '^(%d+) (%S+) (%d) (%d+) (%d+)$')
  visible, joins, leaves = tonumber(visible), tonumber(joins), tonumber(leaves)
  local done, outcome = pcall(commit, KEYS[i], at, expected, deadline, visible, joins, leaves)
  if not done then
    local text = type(outcome) == 'table' and outcome.err or tostring(outcome)
    local refused = refusal(text)
    if refused then
      return redis.error_reply(refused)
    end
    outcome = { -2, text }
  end
  outcomes[i] = outcome
  at = at + 3 + visible + joins + leaves
end
if newest > newestBefore then
  redis.call('SET', ORDER, string.format('%.0f', newest))
end
return { now, outcomes }
