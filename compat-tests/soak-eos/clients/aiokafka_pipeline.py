"""
Transactional pipelines of aiokafka.

aiokafka commits offsets without generation and member id (TxnOffsetCommit v0), so the group cannot fence its zombies, and one
transactional id for each copier would not do (KIP-447). As before that KIP, each partition of the input has an id of its own: who
takes it over fences whoever had it, and only then asks how far that one came.
"""

import asyncio
import logging

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from pipeline import BOOTSTRAP, RETRY_S, members, now_ms, when_input_ends

logging.disable(logging.CRITICAL)

CALL_S = 10
COMMON = {"bootstrap_servers": BOOTSTRAP, "retry_backoff_ms": 50, "request_timeout_ms": 5000, "metadata_max_age_ms": 5000}
# Whatever it was, a new producer asks what became of it. IllegalState and the like come of producers that have failed before.
ERRORS = (KafkaError, asyncio.TimeoutError, OSError, AssertionError, RuntimeError)

stopping = asyncio.Event()


async def close(client):
    try:
        await asyncio.wait_for(client.stop(), CALL_S)
    # A task of the client that it cancels and awaits itself ends so; nobody cancels a member.
    except (*ERRORS, asyncio.CancelledError):
        pass


async def open_client(client):
    try:
        await asyncio.wait_for(client.start(), CALL_S)
        return client
    except BaseException:
        await close(client)
        raise


class Writer:
    """Who writes under one transactional id. After any error it is to be closed: a new one asks what became of the transaction."""

    def __init__(self, producer, member, transactional_id):
        self.producer, self.member, self.transactional_id = producer, member, transactional_id

    @staticmethod
    async def open(member, transactional_id):
        """Fences whoever had the id: what he had open is committed or aborted by then."""
        start_ms = now_ms()
        producer = await open_client(AIOKafkaProducer(
            **COMMON, transactional_id=transactional_id, transaction_timeout_ms=member.transactionTimeoutMs, linger_ms=5,
        ))
        member.initialized(transactional_id, start_ms)
        return Writer(producer, member, transactional_id)

    async def transact(self, topic, make, polled=None, offsets=None):
        """
        One transaction; raises when it did not come to its end. Whether it was committed: some are aborted on purpose.
        make: from the transaction to its records; offsets: {partition: position} and the group.
        """
        transaction, producer, how = self.member.begin(self.transactional_id), self.producer, "lost"
        records = make(transaction)
        try:
            await producer.begin_transaction()
            sending = [
                await asyncio.wait_for(producer.send(topic, value.encode(), key.encode(), partition), CALL_S) for key, value, partition in records
            ]
            await asyncio.wait_for(asyncio.gather(*sending), CALL_S)
            if offsets is not None:
                await asyncio.wait_for(producer.send_offsets_to_transaction(*offsets), CALL_S)
            transaction.sent(records, polled)
            end = producer.abort_transaction if transaction.is_to_be_aborted else producer.commit_transaction
            await asyncio.wait_for(end(), CALL_S)
            how = "aborted" if transaction.is_to_be_aborted else "committed"
        finally:
            transaction.ended(how, len(records))
        return not transaction.is_to_be_aborted

    async def close(self):
        await close(self.producer)


async def feed(member):
    writer = None
    while not stopping.is_set():
        try:
            if writer is None:
                writer = await Writer.open(member, member.transactionalId)
            await writer.transact(member.inputTopic, lambda _: member.feed())
            await asyncio.sleep(member.pauseMs / 1000)
        except ERRORS:
            if writer is not None:
                await writer.close()
            writer = None
            await asyncio.sleep(RETRY_S)
    if writer is not None:
        await writer.close()


class Membership(ConsumerRebalanceListener):
    """One membership of a copier: from joining the group to leaving it, or to an end by an error."""

    def __init__(self, member):
        self.member = member
        self.writers = {}

    async def on_partitions_revoked(self, revoked):
        await self.close_writers()

    async def on_partitions_assigned(self, assigned):
        await self.close_writers()

    async def close_writers(self):
        writers, self.writers = self.writers, {}
        for writer in writers.values():
            await writer.close()

    async def run(self):
        member = self.member
        consumer = AIOKafkaConsumer(
            **COMMON, group_id=member.groupId, isolation_level="read_committed", enable_auto_commit=False, auto_offset_reset="earliest",
            session_timeout_ms=member.sessionTimeoutMs, rebalance_timeout_ms=member.sessionTimeoutMs, heartbeat_interval_ms=300, fetch_max_wait_ms=100,
        )
        consumer.subscribe([member.inputTopic], listener=self)
        await open_client(consumer)
        member.chose("subscribe")
        try:
            while not stopping.is_set():
                for partition, messages in (await consumer.getmany(timeout_ms=200, max_records=member.mostRecords)).items():
                    await self.take(consumer, partition, messages)
                await asyncio.sleep(member.pauseMs / 1000)
        finally:
            await close(consumer)
            await self.close_writers()

    async def take(self, consumer, partition, messages):
        if partition not in consumer.assignment():
            return
        writer = self.writers.get(partition)
        if writer is None:
            self.writers[partition] = await Writer.open(self.member, f"{self.member.groupId}-{partition.partition}")
            return await self.go_back(consumer, partition)
        try:
            if not await self.copy(writer, partition.partition, messages):
                await self.go_back(consumer, partition)
        except ERRORS:
            self.writers.pop(partition, None)
            await writer.close()
            # Read again, and then met without a writer.
            self.go_to(consumer, partition, messages[0].offset)
            await asyncio.sleep(RETRY_S)

    async def copy(self, writer, partition, messages):
        member = self.member
        polled = [(partition, message.offset, message.value.decode()) for message in messages]

        def copies(transaction):
            return [(message.key.decode(), transaction.copied(value), partition) for message, (_, _, value) in zip(messages, polled)]

        offsets = {TopicPartition(member.inputTopic, partition): messages[-1].offset + 1}, member.groupId
        return await writer.transact(member.outputTopic, copies, polled, offsets)

    async def go_back(self, consumer, partition):
        """To what is committed."""
        self.go_to(consumer, partition, await asyncio.wait_for(consumer.committed(partition), CALL_S) or 0)

    def go_to(self, consumer, partition, offset):
        if partition in consumer.assignment():
            consumer.seek(partition, offset)
            self.member.chose("assign")


async def copy(member):
    while not stopping.is_set():
        try:
            await Membership(member).run()
        except ERRORS:
            await asyncio.sleep(RETRY_S)


async def main():
    loop = asyncio.get_running_loop()
    when_input_ends(lambda: loop.call_soon_threadsafe(stopping.set))
    await asyncio.gather(*(feed(member) if member.role == "feeder" else copy(member) for member in members()))


asyncio.run(main())
