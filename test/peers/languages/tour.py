"""The tour of redis-py: python3 tour.py PORT PROTOCOL; exit code 0 when everything was as it should be."""
import sys
import threading
import time

import redis

port, protocol = int(sys.argv[1]), int(sys.argv[2])
r = redis.Redis(host="127.0.0.1", port=port, protocol=protocol, decode_responses=True)
binary = redis.Redis(host="127.0.0.1", port=port, protocol=protocol)


def equal(found, expected):
    assert found == expected, f"{found!r} is not {expected!r}"


equal(r.ping(), True)
equal(r.set("{t}s", "v", ex=100), True)
equal(r.get("{t}s"), "v")
equal(binary.set("{t}b", b"\x00\xff\r\n"), True)
equal(binary.get("{t}b"), b"\x00\xff\r\n")
equal(r.mset({f"m{i}": i for i in range(50)}), True)
equal(r.mget([f"m{i}" for i in range(50)]), [str(i) for i in range(50)])
equal(r.delete(*[f"m{i}" for i in range(50)]), 50)
equal(r.hset("h", mapping={"a": 1, "b": 2}), 2)
equal(r.hgetall("h"), {"a": "1", "b": "2"})
equal(r.zadd("z", {"one": 1, "two": 2.5}), 2)
equal(r.zscore("z", "two"), 2.5)
equal(r.rpush("l", "x", "y"), 2)
equal(r.lrange("l", 0, -1), ["x", "y"])

# Pipelines, transactions, optimistic locking.
with r.pipeline(transaction=False) as pipe:
    for i in range(200):
        pipe.set(f"p{i}", i)
        pipe.get(f"p{i}")
    replies = pipe.execute()
equal(replies[1::2], [str(i) for i in range(200)])
with r.pipeline(transaction=True) as pipe:
    pipe.set("{t}c", 5).incr("{t}c").get("{t}c")
    equal(pipe.execute(), [True, 6, "6"])


def add(pipe):
    value = int(pipe.get("{t}counter") or 0)
    pipe.multi()
    pipe.set("{t}counter", value + 1)


def adder():
    for _ in range(20):
        r.transaction(add, "{t}counter")


threads = [threading.Thread(target=adder) for _ in range(5)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
equal(r.get("{t}counter"), "100")

# Blocking.
equal(r.blpop("none", timeout=1), None)
threading.Timer(0.1, lambda: r.rpush("queue", "job")).start()
found = r.blpop("queue", timeout=5)
equal(tuple(found), ("queue", "job"))
r.xadd("stream", {"f": "v"})
equal(len(r.xread({"stream": "0"}, block=100)), 1)

# Scripts.
script = r.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
equal(script(keys=["{t}n"], args=[41]), 41)
equal(script(keys=["{t}n"], args=[1]), 42)

# Publish and subscribe.
with r.pubsub() as pubsub:
    pubsub.subscribe("news")
    pubsub.psubscribe("ev*")
    seen = []
    limit = time.time() + 5
    while len(seen) < 2 and time.time() < limit:
        message = pubsub.get_message(timeout=0.2)
        if message and message["type"].endswith("subscribe"):
            seen.append(message["channel"])
    equal(seen, ["news", "ev*"])
    r.publish("news", "hello")
    r.publish("event", "there")
    got = []
    while len(got) < 2 and time.time() < limit:
        message = pubsub.get_message(timeout=0.2)
        if message and message["type"].endswith("message"):
            got.append(message["data"])
    equal(sorted(got), ["hello", "there"])

# Every key is found by SCAN.
equal(len({key for key in r.scan_iter(match="p*", count=37)}), 200)
print("redis-py", redis.__version__, "RESP", protocol, "ok")
