"""What the programs in Python share of the conversation that ../pipeline.ts describes."""

import json
import os
import random
import sys
import threading
import time

PROGRAM = json.loads(sys.argv[1])
BOOTSTRAP = PROGRAM["bootstrap"]
RETRY_S = 0.05

_journal = os.open(PROGRAM["journal"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


def _line(message):
    return (json.dumps(message) + "\n").encode()


def _note(operation):
    os.write(_journal, _line(operation))


def now_ms():
    return time.time() * 1000


class Member:
    """The arguments as attributes, by their names in pipeline.ts, and the account of what the member does."""

    def __init__(self, arguments):
        if "sabotage" in arguments:
            raise ValueError("no sabotage here")
        self.__dict__.update(arguments)
        self.random = random.Random(self.seed)
        self._values = 0
        self._transactions = 0

    def chose(self, kind):
        """kind: subscribe or assign."""
        _note({"kind": kind, "process": self.process, "outcome": "ok"})

    def initialized(self, transactional_id, start_ms):
        _note({
            "kind": "init", "process": self.process, "outcome": "ok", "transactionalId": transactional_id, "startMs": start_ms, "endMs": now_ms(),
        })

    def feed(self):
        """The next records of a feeder: (key, value, partition)."""
        records = []
        for _ in range(self.random.randint(1, self.mostRecords)):
            key = self.random.randrange(self.keys)
            records.append((f"k{key}", f"{self.process}-{self._values}", key % self.partitions))
            self._values += 1
        return records

    def begin(self, transactional_id):
        number = self._transactions
        self._transactions += 1
        is_to_be_aborted = self.abortOneIn > 0 and self.random.randrange(self.abortOneIn) == 0
        return Transaction(self, transactional_id, number, is_to_be_aborted)


class Transaction:
    def __init__(self, member, transactional_id, number, is_to_be_aborted):
        self._member, self._transactional_id, self._id = member, transactional_id, f"{member.process}.{number}"
        self.is_to_be_aborted = is_to_be_aborted
        self._start_ms = now_ms()
        self._noted = None

    def copied(self, value):
        """The value of an input, once this transaction has copied it."""
        return f"{value}@{self._id}"

    def sent(self, records, polled=None):
        """
        All is sent, its end comes next. records: (key, value, partition); polled: (partition, offset, value) of each of them,
        the offsets after which are committed.
        """
        member = self._member
        topic = member.inputTopic if polled is None else member.outputTopic
        sends = [{"kind": "send", "key": f"{topic}-{partition}", "offset": None, "value": value} for _, value, partition in records]
        self._noted = {
            "kind": "txn", "id": self._id, "process": member.process, "outcome": "info", "transactionalId": self._transactional_id,
            "startMs": self._start_ms, "commitMs": now_ms(), "micro": sends,
        }
        if polled is not None:
            self._note_poll(sends, polled)
        _note(self._noted)

    def _note_poll(self, sends, polled):
        read, positions = {}, {}
        for send, (partition, offset, value) in zip(sends, polled):
            key = f"{self._member.inputTopic}-{partition}"
            send["from"] = [key, offset]
            read.setdefault(key, []).append([offset, value])
            positions[key] = offset + 1
        self._noted["micro"] = [{"kind": "poll", "records": read}, *sends]
        self._noted["offsets"] = {self._member.groupId: positions}

    def ended(self, how, records):
        """how: committed, aborted on purpose, refused (the commit failed and it was aborted), or lost (nobody knows)."""
        if self._noted is not None:
            outcome = "ok" if how == "committed" else "fail" if how == "refused" or self.is_to_be_aborted else "info"
            _note({**self._noted, "outcome": outcome, "endMs": now_ms()})
        progress = "lost" if how == "refused" else how
        os.write(1, _line({"member": self._member.name, "ended": progress, "records": records}))


def members():
    return [Member(arguments) for arguments in PROGRAM["members"]]


def when_input_ends(act):
    def wait():
        sys.stdin.read()
        act()

    threading.Thread(target=wait, daemon=True).start()
