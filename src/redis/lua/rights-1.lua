-- Says what the user who asks may not do, of what is needed, and makes sure that it may be written here.
--
-- KEYS: 1 nodes
-- ARGV: commands with arguments, each as a JSON array
-- Returns: the numbers, from 1, of those that are forbidden; nothing of a kind where the server cannot tell
-- Events: none
local forbidden = {}
if redis.acl_check_cmd then
  for i = 1, #ARGV do
    -- A command that does not exist is an error.
    local known, allowed = pcall(redis.acl_check_cmd, unpack(cjson.decode(ARGV[i])))
    if not (known and allowed) then
      table.insert(forbidden, i)
    end
  end
end
-- Changes nothing. A replica refuses it, and so does a master that takes no writes at the moment.
if #forbidden == 0 then
  redis.call('ZREM', KEYS[1], '')
end
return forbidden
