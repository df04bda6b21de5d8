-- Changes pairs of people, each only if it still is what the caller knows, and all of them only if every list has room.
-- Knows nothing of consent: what a change means was decided before.
--
-- KEYS    1 head, as that of a partition of presence; 2 log of whose lists have changed, by the count of the change
--         then the lists of all who are named, in the order of their ids below
-- ARGV    1 the command to publish with
--         2 the channel of changes
--         3 how many lines a list may hold, tombstones not counted
--         4 how many tombstones a list keeps at least
--         5 an epoch, in case there is none; 6 how many users the log holds at least
--         then one for each key: whose list it is
--         then five for each change, no two of them about one pair:
--           the numbers (from 1) of the two lists i and j
--           what must stand in list i about j and in list j about i, as two digits; empty to be told and change nothing
--           what shall stand there, as two digits
--           whether list i and list j must have room for one more line, as two digits, 1 or 0
-- Answer  a number n: list n is full, nothing has changed
--         else a string for each change: empty where it is made, or the two digits that stand there instead;
--         and, as a second array, how many lines each list held before
-- Event   on the channel, {"epoch", "seq", "rev", "ids"} as JSON: whose lists have changed
--
-- Run once more, its changes find themselves made and nothing happens.

local publish, channel, most, least = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local HEAD, LOG = KEYS[1], KEYS[2]
local newEpoch, logSize = ARGV[5], tonumber(ARGV[6])
local LISTS = #KEYS - 2
local owners, firstChange = 6, 7 + LISTS
local NONE = '0'
-- The number in the head for "no deadline": friend lists have none.
local NO_DEADLINE = '9007199254740991'

local function listKey(n)
  return KEYS[2 + n]
end

local function code(line)
  return line and string.sub(line, -1) or NONE
end

local lists, held = {}, {}
for n = 1, LISTS do
  local head = redis.call('HGET', listKey(n), '')
  local version, floor, tombstones = string.match(head or '0 0 0', '^(%d+) (%d+) (%d+)$')
  lists[n] = { version = tonumber(version), floor = floor, tombstones = tonumber(tombstones), needed = 0, freed = 0 }
  held[n] = redis.call('HLEN', listKey(n)) - lists[n].tombstones - (head and 1 or 0)
end

local sides, answers = {}, {}

local function plan(n, other, line, after, room)
  local list = lists[n]
  if room == '1' then
    list.needed = list.needed + 1
  end
  if after == NONE and code(line) ~= NONE then
    list.freed = list.freed + 1
  end
  if after ~= code(line) then
    table.insert(sides, { n = n, id = ARGV[owners + other], line = line, after = after })
  end
end

for at = firstChange, #ARGV, 5 do
  local i, j = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local before, after, room = ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local mine = redis.call('HGET', listKey(i), ARGV[owners + j])
  local theirs = redis.call('HGET', listKey(j), ARGV[owners + i])
  local standing = code(mine) .. code(theirs)
  if standing == before then
    plan(i, j, mine, string.sub(after, 1, 1), string.sub(room, 1, 1))
    plan(j, i, theirs, string.sub(after, 2, 2), string.sub(room, 2, 2))
    table.insert(answers, '')
  else
    table.insert(answers, standing)
  end
end

for n, list in ipairs(lists) do
  if list.needed > 0 and held[n] - list.freed + list.needed > most then
    return n
  end
end

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local touched = {}

for _, side in ipairs(sides) do
  local list = lists[side.n]
  if not list.touched then
    list.touched = true
    list.version = math.max(list.version + 1, now)
    table.insert(touched, side.n)
  end
  if side.after == NONE then
    list.tombstones = list.tombstones + 1
  elseif side.line and code(side.line) == NONE then
    list.tombstones = list.tombstones - 1
  end
  redis.call('HSET', listKey(side.n), side.id, string.format('%.0f', list.version) .. side.after)
end

-- The oldest tombstones go once there are twice as many as must be kept: seldom, because it reads the whole list.
local function prune(n, list)
  local tombstones = {}
  local lines = redis.call('HGETALL', listKey(n))
  for at = 1, #lines, 2 do
    if lines[at] ~= '' and code(lines[at + 1]) == NONE then
      local version = string.sub(lines[at + 1], 1, -2)
      table.insert(tombstones, { id = lines[at], version = version, order = tonumber(version) })
    end
  end
  table.sort(tombstones, function(a, b)
    return a.order < b.order
  end)
  for at = 1, #tombstones - least do
    redis.call('HDEL', listKey(n), tombstones[at].id)
    list.floor = tombstones[at].version
  end
  list.tombstones = least
end

local names = {}
for _, n in ipairs(touched) do
  local list = lists[n]
  if list.tombstones > 2 * least then
    prune(n, list)
  end
  redis.call('HSET', listKey(n), '', string.format('%.0f %s %d', list.version, list.floor, list.tombstones))
  table.insert(names, ARGV[owners + n])
end
if #names > 0 then
  local lastRev, seq, epoch, floor = '0', '0', newEpoch, '0'
  local head = redis.call('GET', HEAD)
  if head then
    lastRev, seq, epoch, floor = string.match(head, '^(%d+) (%d+) (%S+) (%d+) ')
  end
  local rev = string.format('%.0f', math.max(now, lastRev + 1))
  seq = string.format('%.0f', seq + 1)
  for _, id in ipairs(names) do
    -- As toText has it: what begins like this is read as JSON.
    redis.call('ZADD', LOG, seq, string.byte(id) == 0 and '\0' .. cjson.encode(id) or id)
  end
  local size = redis.call('ZCARD', LOG)
  if size > logSize + logSize / 16 then
    local dropped = redis.call('ZPOPMIN', LOG, size - logSize)
    floor = dropped[#dropped]
  end
  redis.call('SET', HEAD, rev .. ' ' .. seq .. ' ' .. epoch .. ' ' .. floor .. ' ' .. NO_DEADLINE)
  redis.call(publish, channel,
    '{"epoch":"' .. epoch .. '","seq":' .. seq .. ',"rev":' .. rev .. ',"ids":' .. cjson.encode(names) .. '}')
end
return { answers, held }
