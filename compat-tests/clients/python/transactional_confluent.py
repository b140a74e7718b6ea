"""The confluent-kafka (librdkafka) client of the transactional scenario (transactional-clients/driver.ts)."""

import sys

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from conversation import serve

BOOTSTRAP = sys.argv[1]
CALL_S = 30
QUIET = {"bootstrap.servers": BOOTSTRAP, "log_level": 0}
producers = {}


def retrying(act, *args):
    while True:
        try:
            return act(*args)
        except KafkaException as exception:
            if not exception.args[0].retriable():
                raise


def open_producer(producer, transactionalId, timeoutMs):
    made = Producer({**QUIET, "transactional.id": transactionalId, "transaction.timeout.ms": timeoutMs, "linger.ms": 5})
    retrying(made.init_transactions, CALL_S)
    producers[producer] = made


def begin(producer):
    producers[producer].begin_transaction()


def send(producer, topic, records):
    failures = []

    def delivered(error, _message):
        if error is not None:
            failures.append(error)

    for partition, value in records:
        producers[producer].produce(topic, partition=partition, value=value, on_delivery=delivered)
    producers[producer].flush()
    if failures:
        raise KafkaException(failures[0])


def send_offset(producer, group, topic, partition, offset):
    consumer = Consumer({**QUIET, "group.id": group})
    try:
        retrying(producers[producer].send_offsets_to_transaction, [TopicPartition(topic, partition, offset)], consumer.consumer_group_metadata(), CALL_S)
    finally:
        consumer.close()


def commit(producer):
    retrying(producers[producer].commit_transaction, CALL_S)


def abort(producer):
    retrying(producers[producer].abort_transaction, CALL_S)


def close(producer):
    del producers[producer]


def read(topic, partitions, isolation, until):
    consumer = Consumer({**QUIET, "group.id": "none", "isolation.level": isolation, "enable.auto.commit": False, "fetch.wait.max.ms": 100})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    values, unfinished = [[] for _ in range(partitions)], set(range(partitions))
    while unfinished:
        message = consumer.poll(1)
        if message is None or message.error() is not None:
            continue
        value = message.value().decode()
        if value == until:
            unfinished.discard(message.partition())
        elif message.partition() in unfinished:
            values[message.partition()].append(value)
    consumer.close()
    return values


serve({
    "open": open_producer, "begin": begin, "send": send, "sendOffset": send_offset, "commit": commit, "abort": abort, "close": close, "read": read,
})
