"""Transactional pipelines of confluent-kafka, which is librdkafka."""

import os
import threading
import time
import traceback

from confluent_kafka import OFFSET_BEGINNING, OFFSET_INVALID, Consumer, KafkaException, Producer, TopicPartition

from pipeline import BOOTSTRAP, RETRY_S, members, now_ms, when_input_ends

COMMON = {
    "bootstrap.servers": BOOTSTRAP, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "log_level": 0,
    # When all brokers are away librdkafka forgets them and begins anew (KIP-899), but offsets on their way to a group's coordinator
    # then wait for the forgotten one for ever: send_offsets_to_transaction does not return, whatever its timeout.
    "metadata.recovery.strategy": "none",
}
CALL_S = 10
POLL_S = 0.2

stopping = threading.Event()
when_input_ends(stopping.set)


class MustAbort(Exception):
    """The transaction cannot be committed; the producer goes on once it is aborted."""


class Fatal(Exception):
    """The producer is of no more use."""


def retrying(act, *args):
    """Calls until it succeeds or its error says that the transaction or the producer is over. A call again resumes the one before."""
    while True:
        try:
            return act(*args)
        except KafkaException as exception:
            error = exception.args[0]
            if error.txn_requires_abort():
                raise MustAbort(error) from exception
            if error.fatal() or not error.retriable():
                raise Fatal(error) from exception


class Writer:
    """A transactional producer, which is made anew when it is of no more use."""

    def __init__(self, member):
        self.member = member
        self.renew()

    def renew(self):
        member = self.member
        while True:
            start_ms = now_ms()
            self.producer = Producer({
                **COMMON, "transactional.id": member.transactionalId, "transaction.timeout.ms": member.transactionTimeoutMs, "linger.ms": 5,
            })
            try:
                retrying(self.producer.init_transactions, CALL_S)
                return member.initialized(member.transactionalId, start_ms)
            except (Fatal, MustAbort):
                time.sleep(RETRY_S)

    def transact(self, topic, records, transaction, polled=None, offsets=None):
        """
        Whether it was committed; if not, it is aborted by now, or the new producer has asked what became of it.
        offsets: the positions and the group's metadata, both of whoever consumed.
        """
        how = "lost"
        try:
            retrying(self.producer.begin_transaction)
            for record in records:
                self.send(topic, *record)
            # Before the end is asked for, so that what fails until then was never to be committed.
            self.producer.flush()
            if offsets is not None:
                retrying(self.producer.send_offsets_to_transaction, *offsets, CALL_S)
            transaction.sent(records, polled)
            if transaction.is_to_be_aborted:
                self.abort()
                how = "aborted"
            else:
                retrying(self.producer.commit_transaction, CALL_S)
                how = "committed"
        except MustAbort:
            self.abort()
            how = "refused"
        finally:
            transaction.ended(how, len(records))
        return how == "committed"

    def abort(self):
        try:
            retrying(self.producer.abort_transaction, CALL_S)
        except MustAbort as error:
            raise Fatal(*error.args) from error

    def send(self, topic, key, value, partition):
        while True:
            try:
                return self.producer.produce(topic, partition=partition, key=key, value=value)
            except BufferError:
                self.producer.poll(RETRY_S)
            except KafkaException as exception:
                # Nothing more is taken after an error, and only the ends of a transaction tell which kind it is of.
                raise MustAbort(*exception.args) from exception


class Feeder:
    def __init__(self, member):
        self.member = member
        self.writer = Writer(member)

    def run(self):
        while not stopping.is_set():
            try:
                self.writer.transact(self.member.inputTopic, self.member.feed(), self.member.begin(self.member.transactionalId))
            except Fatal:
                self.writer.renew()
            stopping.wait(self.member.pauseMs / 1000)


class Copier:
    def __init__(self, member):
        self.member = member
        self.is_astray = False
        self.writer = Writer(member)
        self.consumer = Consumer({
            **COMMON, "group.id": member.groupId, "isolation.level": "read_committed", "enable.auto.commit": False, "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 100, **self.group_settings(),
        })
        self.consumer.subscribe([member.inputTopic], on_assign=self.note_move, on_revoke=self.note_move, on_lost=self.note_move)
        member.chose("subscribe")

    def group_settings(self):
        if self.member.groupProtocol == "consumer":
            return {"group.protocol": "consumer"}
        return {"session.timeout.ms": self.member.sessionTimeoutMs, "heartbeat.interval.ms": 300}

    def note_move(self, _consumer, _partitions):
        self.is_astray = True

    def run(self):
        while not stopping.is_set():
            # Here alone partitions move, so each attempt to go back comes after it.
            messages = [message for message in self.consumer.consume(self.member.mostRecords, POLL_S) if message.error() is None]
            if self.is_astray:
                # What came may be of the assignment before, and would go under the new generation.
                self.is_astray = not self.goes_back()
            elif messages:
                self.is_astray = not self.copy(messages)
                stopping.wait(self.member.pauseMs / 1000)
        self.consumer.close()

    def copy(self, messages):
        member = self.member
        transaction = member.begin(member.transactionalId)
        polled = [(message.partition(), message.offset(), message.value().decode()) for message in messages]
        records = [(message.key(), transaction.copied(value), partition) for message, (partition, _, value) in zip(messages, polled)]
        positions = {partition: TopicPartition(member.inputTopic, partition, offset + 1) for partition, offset, _ in polled}
        offsets = list(positions.values()), self.consumer.consumer_group_metadata()
        try:
            return self.writer.transact(member.outputTopic, records, transaction, polled, offsets)
        except Fatal:
            self.writer.renew()
            return False

    def goes_back(self):
        """To what is committed; whether that was possible: the broker may be away, or partitions are about to be taken."""
        try:
            assignment = self.consumer.assignment()
            for position in self.consumer.committed(assignment, CALL_S) if assignment else []:
                if position.error is not None:
                    return False
                if position.offset == OFFSET_INVALID:
                    position.offset = OFFSET_BEGINNING
                self.consumer.seek(position)
        except KafkaException:
            return False
        self.member.chose("assign")
        return True


def run(member):
    try:
        (Feeder if member.role == "feeder" else Copier)(member).run()
    except Exception:
        traceback.print_exc()
        os._exit(1)


threads = [threading.Thread(target=run, args=(member,)) for member in members()]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
