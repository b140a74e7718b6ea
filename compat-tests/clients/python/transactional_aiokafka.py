"""The aiokafka client of the transactional scenario (transactional-clients/driver.ts)."""

import asyncio
import logging
import sys
import threading

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from conversation import serve

logging.disable(logging.CRITICAL)

BOOTSTRAP = sys.argv[1]
producers = {}
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()


async def open_producer(producer, transactionalId, timeoutMs):
    made = AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, transactional_id=transactionalId, transaction_timeout_ms=timeoutMs, linger_ms=5)
    await made.start()
    producers[producer] = made


async def begin(producer):
    await producers[producer].begin_transaction()


async def send(producer, topic, records):
    sent = [await producers[producer].send(topic, value.encode(), partition=partition) for partition, value in records]
    await asyncio.gather(*sent)


async def send_offset(producer, group, topic, partition, offset):
    await producers[producer].send_offsets_to_transaction({TopicPartition(topic, partition): offset}, group)


async def commit(producer):
    await producers[producer].commit_transaction()


async def abort(producer):
    await producers[producer].abort_transaction()


async def close(producer):
    await producers.pop(producer).stop()


async def read(topic, partitions, isolation, until):
    consumer = AIOKafkaConsumer(bootstrap_servers=BOOTSTRAP, isolation_level=isolation, enable_auto_commit=False, fetch_max_wait_ms=100)
    await consumer.start()
    assigned = [TopicPartition(topic, partition) for partition in range(partitions)]
    consumer.assign(assigned)
    for partition in assigned:
        consumer.seek(partition, 0)
    values, unfinished = [[] for _ in range(partitions)], set(range(partitions))
    while unfinished:
        for partition, messages in (await consumer.getmany(timeout_ms=200)).items():
            for value in (message.value.decode() for message in messages):
                if value == until:
                    unfinished.discard(partition.partition)
                elif partition.partition in unfinished:
                    values[partition.partition].append(value)
    await consumer.stop()
    return values


def in_loop(operation):
    return lambda **arguments: asyncio.run_coroutine_threadsafe(operation(**arguments), loop).result()


serve({name: in_loop(operation) for name, operation in {
    "open": open_producer, "begin": begin, "send": send, "sendOffset": send_offset, "commit": commit, "abort": abort, "close": close, "read": read,
}.items()})
