"""The kafka-python client: Kafka's protocol in Python itself."""

import sys
import time

from kafka import KafkaConsumer, KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError

from conversation import Member, read_pairs, serve

BOOTSTRAP = sys.argv[1]
producers = {}
members = {}


def create_topic(topic, partitions):
    admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    try:
        admin.create_topics([NewTopic(topic, num_partitions=partitions, replication_factor=1)])
    finally:
        admin.close()


def produce(topic, codec, file):
    if topic not in producers:
        producers[topic] = KafkaProducer(
            bootstrap_servers=BOOTSTRAP, compression_type=None if codec == "none" else codec, acks="all", linger_ms=5,
            reconnect_backoff_max_ms=200,
        )
    producer = producers[topic]
    sent = [producer.send(topic, key=key, value=value) for key, value in read_pairs(file)]
    producer.flush()
    for future in sent:
        future.get(timeout=0)


def poll(consumer):
    try:
        fetched = consumer.poll(timeout_ms=100, max_records=5000)
    except KafkaError as error:
        # While the broker is down, poll may say so; it leaves trying again to its caller.
        if not error.retriable:
            raise
        time.sleep(0.05)
        return []
    return [(record.partition, record.offset, record.key, record.value) for records in fetched.values() for record in records]


def join(member, group, topic, commits, mode=None):
    consumer = KafkaConsumer(
        bootstrap_servers=BOOTSTRAP, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False,
        heartbeat_interval_ms=300, session_timeout_ms=10_000, reconnect_backoff_max_ms=200,
    )
    consumer.subscribe([topic])
    # A leader that knows the topic only after it has joined makes the group join again, at any time.
    consumer.partitions_for_topic(topic)
    commit = (lambda c: c.commit()) if commits else None
    members[member] = Member(member, consumer, poll, commit, lambda c: c.close(), (KafkaError,) if mode else ())
    members[member].start()


def leave(member):
    members.pop(member).leave()


serve({"createTopic": create_topic, "produce": produce, "join": join, "leave": leave})
