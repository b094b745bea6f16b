#!/usr/bin/env python3
"""redis_py_test.py GYRE-KV [TEST...]

redis-py, the Python client, talks to gyre-kv: in both protocols where it knows
them, in pipelines, in transactions that are tried again, and in messages.
Ends with 77 if it is not there.
"""

import os
import sys
import threading
import unittest

SYSTEM = "/usr/bin/python3"  # which has the system's packages

try:
    import redis
except ImportError:
    if sys.executable != SYSTEM and os.path.exists(SYSTEM) and \
            "REDIS_PY_AGAIN" not in os.environ:
        os.environ["REDIS_PY_AGAIN"] = "1"
        os.execv(SYSTEM, [SYSTEM, *sys.argv])
    print("skipped: there is no redis-py")
    sys.exit(77)

from kv_servers import TIMEOUT, GyreKv

PROGRAM = None
ROUNDS = 40


class Protocol2:
    options = {}

    @classmethod
    def setUpClass(cls):
        cls.server = GyreKv(PROGRAM, "--requirepass", "secret")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    def setUp(self):
        self.client = self.new_client()
        self.client.flushall()

    def tearDown(self):
        self.client.close()

    def new_client(self):
        return redis.Redis(port=self.server.port, password="secret",
                           client_name="test", socket_timeout=TIMEOUT,
                           **self.options)

    def test_values(self):
        client = self.client
        self.assertTrue(client.set("a", b"\x00\r\n"))
        self.assertEqual(client.get("a"), b"\x00\r\n")
        self.assertIsNone(client.get("nothing"))
        self.assertTrue(client.mset({f"k{n}": n for n in range(50)}))
        self.assertEqual(client.mget([f"k{n}" for n in range(50)]),
                         [b"%d" % n for n in range(50)])
        self.assertEqual(client.incrby("n", 5), 5)
        self.assertTrue(client.expire("a", 100))
        self.assertEqual(client.ttl("a"), 100)
        self.assertEqual(set(client.scan_iter(match="k*")),
                         {b"k%d" % n for n in range(50)})
        with self.assertRaises(redis.ResponseError):
            client.incr("a")

    def test_what_the_server_tells(self):
        client = self.client
        self.assertEqual(client.client_getname(), "test")
        self.assertEqual(client.config_get("maxclients"),
                         {"maxclients": "10000"})
        self.assertEqual(client.info("server")["redis_mode"], "standalone")
        self.assertEqual(client.info()["shards"], 4)
        with self.new_client() as other:
            other.ping()
            me = client.client_info()
            self.assertEqual(me["name"], "test")
            found = client.client_list()
            self.assertIn(str(other.client_id()),
                          [entry["id"] for entry in found])
            self.assertEqual(client.client_list(_type="pubsub"), [])
            self.assertEqual(
                client.client_kill_filter(_id=other.client_id()), 1)
        self.assertTrue(client.slowlog_reset())
        self.assertEqual(client.slowlog_get(), [])
        self.assertEqual(client.slowlog_len(), 0)

    def test_pipelines(self):
        with self.client.pipeline(transaction=False) as pipeline:
            for number in range(1000):
                pipeline.set(f"p{number}", number)
                pipeline.get(f"p{number}")
            replies = pipeline.execute()
        self.assertEqual(replies[::2], [True] * 1000)
        self.assertEqual(replies[1::2], [b"%d" % n for n in range(1000)])

    def test_transactions(self):
        with self.client.pipeline() as pipeline:
            pipeline.set("{t}a", 1)
            pipeline.incr("{t}a")
            pipeline.mget("{t}a", "{t}b")
            self.assertEqual(pipeline.execute(), [True, 2, [b"2", None]])
            pipeline.set("{t}a", "text")
            pipeline.incr("{t}a")
            with self.assertRaises(redis.ResponseError):
                pipeline.execute()
        self.assertEqual(self.client.get("{t}a"), b"text")

    def test_transactions_that_are_tried_again(self):
        conflicts = []

        def add(pipeline):
            value = int(pipeline.get("counter") or 0)
            pipeline.multi()
            pipeline.set("counter", value + 1)
            conflicts.append(value)

        def work():
            with self.new_client() as client:
                for _ in range(ROUNDS):
                    client.transaction(add, "counter")

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(int(self.client.get("counter")), 4 * ROUNDS)
        self.assertGreaterEqual(len(conflicts), 4 * ROUNDS)

    def test_a_watched_key_that_changes(self):
        with self.client.pipeline() as pipeline:
            pipeline.watch("a")
            self.client.set("a", 1)
            pipeline.multi()
            pipeline.set("a", 2)
            with self.assertRaises(redis.WatchError):
                pipeline.execute()
        self.assertEqual(self.client.get("a"), b"1")

    def test_messages(self):
        with self.client.pubsub(ignore_subscribe_messages=False) as pubsub:
            pubsub.subscribe("a", "b")
            pubsub.psubscribe("n*")
            changes = [pubsub.get_message(timeout=TIMEOUT) for _ in range(3)]
            self.assertEqual([change["data"] for change in changes],
                             [1, 2, 3])
            self.assertEqual(self.client.publish("b", "hello"), 1)
            self.assertEqual(self.client.publish("news", b"\x00"), 1)
            found = [pubsub.get_message(timeout=TIMEOUT) for _ in range(2)]
            self.assertEqual(
                [(entry["type"], entry["channel"], entry["data"])
                 for entry in found],
                [("message", b"b", b"hello"), ("pmessage", b"news", b"\x00")])


class OverResp2(Protocol2, unittest.TestCase):
    pass


@unittest.skipIf(int(redis.__version__.split(".")[0]) < 5,
                 f"redis-py {redis.__version__} has no RESP3")
class OverResp3(Protocol2, unittest.TestCase):
    options = {"protocol": 3}


def main():
    global PROGRAM
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)


if __name__ == "__main__":
    main()
