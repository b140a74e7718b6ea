"""The kafka-python client of the transactional scenario (transactional-clients/driver.ts)."""

import sys

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from conversation import serve

BOOTSTRAP = sys.argv[1]
producers = {}


def open_producer(producer, transactionalId, timeoutMs):
    made = KafkaProducer(bootstrap_servers=BOOTSTRAP, transactional_id=transactionalId, transaction_timeout_ms=timeoutMs, acks="all", linger_ms=5)
    made.init_transactions()
    producers[producer] = made


def begin(producer):
    producers[producer].begin_transaction()


def send(producer, topic, records):
    sent = [producers[producer].send(topic, partition=partition, value=value.encode()) for partition, value in records]
    producers[producer].flush()
    for future in sent:
        future.get(timeout=0)


def send_offset(producer, group, topic, partition, offset):
    producers[producer].send_offsets_to_transaction({TopicPartition(topic, partition): OffsetAndMetadata(offset, "", -1)}, group)


def commit(producer):
    producers[producer].commit_transaction()


def abort(producer):
    producers[producer].abort_transaction()


def close(producer):
    producers.pop(producer).close(timeout=5)


def read(topic, partitions, isolation, until):
    consumer = KafkaConsumer(
        bootstrap_servers=BOOTSTRAP, isolation_level=isolation, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=100,
    )
    consumer.assign([TopicPartition(topic, partition) for partition in range(partitions)])
    values, unfinished = [[] for _ in range(partitions)], set(range(partitions))
    while unfinished:
        for partition, messages in consumer.poll(timeout_ms=200).items():
            for value in (message.value.decode() for message in messages):
                if value == until:
                    unfinished.discard(partition.partition)
                elif partition.partition in unfinished:
                    values[partition.partition].append(value)
    consumer.close()
    return values


serve({
    "open": open_producer, "begin": begin, "send": send, "sendOffset": send_offset, "commit": commit, "abort": abort, "close": close, "read": read,
})
