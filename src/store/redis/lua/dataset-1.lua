-- Names the dataset, if it has no name yet, and says what it is.
--
-- KEYS: 1 meta
-- ARGV: 1 a new name, 2 how many partitions a new dataset has
-- Returns: {name, partitions}
-- Events: none
redis.call('HSETNX', KEYS[1], 'dataset', ARGV[1])
redis.call('HSETNX', KEYS[1], 'partitions', ARGV[2])
return redis.call('HMGET', KEYS[1], 'dataset', 'partitions')
