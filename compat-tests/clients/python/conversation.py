"""Lines of JSON in, lines of JSON out; clients/driver.ts describes them. Ends the process when the input ends."""

import json
import os
import sys
import threading

_lock = threading.Lock()


def _say(message):
    line = json.dumps(message) + "\n"
    with _lock:
        sys.stdout.write(line)
        sys.stdout.flush()


def read_pairs(path):
    """The (key, value) of each line of a file."""
    with open(path, "rb") as lines:
        for line in lines:
            key, _, value = line.rstrip(b"\n").partition(b"\t")
            yield key, value


class Member(threading.Thread):
    """Reads in a thread of its own until it is told to leave."""

    def __init__(self, name, consumer, poll, commit, close, passing=()):
        """poll() gives a list of (partition, offset, key, value); commit() is None for a member that does not commit.
        passing: exceptions of a commit that are no failure."""
        super().__init__(name=name, daemon=True)
        self._consumer, self._poll, self._commit, self._close, self._passing = consumer, poll, commit, close, passing
        self._leaving = threading.Event()
        self._failure = None

    def run(self):
        try:
            while not self._leaving.is_set():
                records = self._poll(self._consumer)
                if not records:
                    continue
                lines = "\n".join(f"{p}\t{o}\t{k.decode()}\t{v.decode()}" for p, o, k, v in records)
                _say({"member": self.name, "records": lines})
                if self._commit is not None:
                    self._commit_or_pass()
            self._close(self._consumer)
        except Exception as error:
            self._failure = error
            _say({"member": self.name, "failed": repr(error)})

    def _commit_or_pass(self):
        try:
            self._commit(self._consumer)
        except self._passing:
            pass

    def leave(self):
        self._leaving.set()
        self.join()
        if self._failure is not None:
            raise self._failure


def serve(operations):
    """operations: a dictionary from the name of an operation to a function of its named arguments; it returns what JSON can carry."""

    def answer(request):
        identity, op = request.pop("id"), request.pop("op")
        try:
            result = operations[op](**request)
            _say({"id": identity, "result": result})
        except Exception as error:
            _say({"id": identity, "error": repr(error)})

    for line in sys.stdin:
        threading.Thread(target=answer, args=(json.loads(line),), daemon=True).start()
    os._exit(0)
