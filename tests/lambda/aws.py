"""AWS as far as a function asks it that finds nothing to do: an empty table, one secret, a queue that
takes everything. It speaks just enough of the services' protocols for that, and can be made slow.
"""

import json
import socket
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler

MASTER_KEY = "0f" * 32
ANSWERS = {
    "GetItem": {},
    "Query": {"Items": [], "Count": 0, "ScannedCount": 0},
    "Scan": {"Items": [], "Count": 0, "ScannedCount": 0},
    "BatchGetItem": {"Responses": {}, "UnprocessedKeys": {}},
    "TransactGetItems": {"Responses": []},
    "UpdateItem": {},
    "PutItem": {},
    "DeleteItem": {},
    "TransactWriteItems": {},
    "GetSecretValue": {"Name": "master-key", "SecretString": MASTER_KEY},
    "SendMessage": {"MessageId": "1", "MD5OfMessageBody": "0" * 32},
}


class EmptyAws(socketserver.ThreadingTCPServer):
    """Serves on a free port of this machine until it is closed."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        # Operations that were asked for, in order.
        self.asked: list[str] = []
        self._open: set = set()
        # How long each answer takes.
        self.delay_seconds = 0.0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def hang_up(self) -> None:
        """Closes every connection, as services do with those that are silent for long."""
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def process_request_thread(self, request, client_address) -> None:
        self._open.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._open.discard(request)

    def handle_error(self, request, client_address) -> None:
        """A function that was stopped leaves its connection cut off, which is what is tried."""

    def __exit__(self, *_) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"] or 0))
        operation = self.headers["x-amz-target"].rsplit(".", 1)[-1]
        self.server.asked.append(operation)
        time.sleep(self.server.delay_seconds)
        known = operation in ANSWERS
        body = json.dumps(ANSWERS.get(operation, {"__type": "UnknownOperationException"})).encode()
        self.send_response(200 if known else 400)
        self.send_header("content-type", "application/x-amz-json-1.0")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass


def variables(aws: EmptyAws) -> dict[str, str]:
    """What a function is started with, as Lambda sets it and the template names it."""
    return {
        "AWS_LAMBDA_FUNCTION_NAME": "function",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "TIDEMARK_TABLE": "tidemark",
        "TIDEMARK_QUEUE_URL": f"{aws.url}/123456789012/work.fifo",
        "TIDEMARK_MASTER_KEY_SECRET": "master-key",
    }


def http_event(method: str, path: str, body: str = "") -> dict:
    """A function URL's event (payload format 2.0)."""
    return {
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": "",
        "headers": {"host": "x.lambda-url.eu-west-1.on.aws", "content-type": "text/xml; charset=utf-8"},
        "requestContext": {
            "accountId": "anonymous", "apiId": "x", "domainName": "x.lambda-url.eu-west-1.on.aws",
            "domainPrefix": "x", "requestId": "r1", "routeKey": "$default", "stage": "$default",
            "time": "02/Mar/2027:09:00:00 +0000", "timeEpoch": 1804064400000,
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "x"},
        },
        "body": body, "isBase64Encoded": False,
    }


SCHEDULED = {
    "version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events",
    "account": "123456789012", "time": "2027-03-02T09:00:00Z", "region": "eu-west-1", "resources": [], "detail": {},
}


def queue_event(trace: str | None = None) -> dict:
    """A message for a mailbox that the empty table does not have: its run is done at once."""
    attributes = {"ApproximateReceiveCount": "1", "MessageGroupId": "m",
                  "SentTimestamp": "1804064400000", "MessageDeduplicationId": "m#1",
                  "SenderId": "x", "ApproximateFirstReceiveTimestamp": "1804064400000", "SequenceNumber": "1"}
    if trace:
        attributes["AWSTraceHeader"] = trace
    body = {"type": "sync", "v": 1, "organisation": "contoso", "mailbox": "019aacb0-0000-7000-8000-000000000001"}
    record = {"messageId": "11d6ee51-4cc7-4302-9e22-7cd8afdaadf5", "receiptHandle": "r", "body": json.dumps(body),
              "attributes": attributes, "messageAttributes": {}, "md5OfBody": "0", "eventSource": "aws:sqs",
              "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:work.fifo", "awsRegion": "eu-west-1"}
    return {"Records": [record]}


# What each function is asked first, and what it has to answer then.
FIRST = {
    "api": (http_event("GET", "/v1/mailboxes"), lambda answer: answer["statusCode"] == 401),
    "deliver": (SCHEDULED, lambda answer: answer == {"organisations": 0, "delivered": 0, "failed": 0}),
    "ews-webhook": (http_event("POST", "/ews/" + "k" * 43, "<x/>"), lambda answer: answer["statusCode"] == 404),
    "graph-webhook": (
        http_event("POST", "/graph/notify", json.dumps({"value": [{
            "subscriptionId": "s1", "clientState": "k" * 43, "changeType": "updated",
            "resource": "Users/u/Events/e", "tenantId": "t"}]})),
        lambda answer: answer["statusCode"] == 202),
    "sweep": (SCHEDULED, lambda answer: answer["errors"] == 0),
    "sync": (queue_event(), lambda answer: answer == {"batchItemFailures": []}),
    "token-refresh": (SCHEDULED, lambda answer: answer["errors"] == 0),
}
