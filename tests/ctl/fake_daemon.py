# SPDX-License-Identifier: BSD-3-Clause
# A daemon as vswitchctl sees one: a real socket, answers from a table, and every way to
# misbehave. An answer is
#   a dict              the result object
#   an Error            the error object
#   bytes               sent as they are; b"" for a reply that never comes, the line kept open
#   Close(bytes)        sent, then the connection is closed
#   a function          called with the params; gives one of the above
# A list of dicts after "subscribe" in `events` is sent as notifications.
import json
import os
import socket
import threading


class Error:
    def __init__(self, code, message, name="", remedy=""):
        self.body = {"code": code, "message": message, "data": {"name": name, "remedy": remedy}}


class Close:
    def __init__(self, data=b""):
        self.data = data


class FakeDaemon:
    def __init__(self, path, answers, events=()):
        self.path, self.answers, self.events = path, answers, list(events)
        self.requests = []
        self.connections = []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(path)
        self.listener.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        if os.path.exists(self.path):
            os.unlink(self.path)

    def stop(self):
        """Dies as a process does: the socket stays in the file system."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            with connection.makefile("rb") as lines:
                for line in lines:
                    if not self._answer(connection, json.loads(line)):
                        connection.shutdown(socket.SHUT_RDWR)
                        return
        except OSError:
            pass

    def _answer(self, connection, request):
        self.requests.append(request)
        method = request["method"]
        answer = self.answers.get(method, Error(-32601, f"there is no method '{method}'"))
        if callable(answer):
            answer = answer(request.get("params", {}))
        if isinstance(answer, (bytes, Close)):
            connection.sendall(answer if isinstance(answer, bytes) else answer.data)
            return isinstance(answer, bytes)
        reply = {"jsonrpc": "2.0", "id": request["id"]}
        if isinstance(answer, Error):
            reply["error"] = answer.body
        else:
            reply["result"] = answer
        connection.sendall(json.dumps(reply).encode() + b"\n")
        if method == "subscribe":
            for event in self.events:
                if isinstance(event, Close):
                    return False
                note = {"jsonrpc": "2.0", "method": "event", "params": event}
                connection.sendall(json.dumps(note).encode() + b"\n")
        return True
