"""The confluent-kafka client: librdkafka under Python."""

import sys

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from conversation import Member, read_pairs, serve

BOOTSTRAP = sys.argv[1]
PASSING = {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._PARTITION_EOF}
producers = {}
members = {}


def create_topic(topic, partitions):
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    admin.create_topics([NewTopic(topic, num_partitions=partitions, replication_factor=1)])[topic].result()


def produce(topic, codec, file):
    if topic not in producers:
        producers[topic] = Producer({
            "bootstrap.servers": BOOTSTRAP, "compression.type": codec, "enable.idempotence": True, "linger.ms": 5,
            "reconnect.backoff.max.ms": 200,
        })
    producer = producers[topic]
    failures = []

    def delivered(error, _message):
        if error is not None:
            failures.append(error)

    for key, value in read_pairs(file):
        while True:
            try:
                producer.produce(topic, key=key, value=value, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.05)
        producer.poll(0)
    producer.flush()
    if failures:
        raise KafkaException(failures[0])


def poll(consumer):
    records = []
    for message in consumer.consume(num_messages=5000, timeout=0.1):
        error = message.error()
        if error is None:
            records.append((message.partition(), message.offset(), message.key(), message.value()))
        elif error.code() not in PASSING:
            raise KafkaException(error)
    return records


MODES = {
    "eager": {"partition.assignment.strategy": "range"},
    "cooperative": {"partition.assignment.strategy": "cooperative-sticky"},
    "consumer": {"group.protocol": "consumer"},
}


def join(member, group, topic, commits, mode=None):
    timing = {} if mode == "consumer" else {"heartbeat.interval.ms": 300, "session.timeout.ms": 10_000}
    consumer = Consumer({
        "bootstrap.servers": BOOTSTRAP, "group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False,
        "reconnect.backoff.max.ms": 200, **timing, **MODES.get(mode, {}),
    })
    consumer.subscribe([topic])
    commit = (lambda c: c.commit(asynchronous=False)) if commits else None
    members[member] = Member(member, consumer, poll, commit, lambda c: c.close(), (KafkaException,) if mode else ())
    members[member].start()


def leave(member):
    members.pop(member).leave()


serve({"createTopic": create_topic, "produce": produce, "join": join, "leave": leave})
