# SPDX-License-Identifier: Apache-2.0
"""An SMTP server with TLS for the test of mail: smtp_server.py CERTIFICATE KEY DIRECTORY tls|starttls.

It prints its port, and writes each message to a file of the directory, with the envelope before it.
"""

import os
import ssl
import sys
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult


class Handler:
    def __init__(self, directory):
        self.directory = directory
        self.n = 0

    async def handle_DATA(self, server, session, envelope):
        self.n += 1
        path = os.path.join(self.directory, "mail-%d" % self.n)
        with open(path + ".new", "wb") as file:
            file.write(b"%s %s\n" % (envelope.mail_from.encode(), ",".join(envelope.rcpt_tos).encode()))
            file.write(envelope.content)
        os.rename(path + ".new", path)
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"tradesup", b"the secret"), handled=False)


class Tls(Controller):
    """Controller looks for a banner without TLS to know that it runs; the port is enough here."""
    kind = "tls"

    def factory(self):
        return SMTP(self.handler, authenticator=authenticate, auth_required=True, hostname="localhost",
                    auth_require_tls=self.kind == "starttls",
                    tls_context=self.context if self.kind == "starttls" else None,
                    require_starttls=self.kind == "starttls")

    def _trigger_server(self):
        pass


def main():
    certificate, key, directory, kind = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    controller = Tls(Handler(directory), hostname="127.0.0.1", port=0,
                     ssl_context=context if kind == "tls" else None)
    controller.kind, controller.context = kind, context
    import asyncio
    loop = controller.loop
    asyncio.set_event_loop(loop)
    server = loop.run_until_complete(loop.create_server(
        controller.factory, host="127.0.0.1", port=0, ssl=context if kind == "tls" else None))
    print(server.sockets[0].getsockname()[1], flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    loop.run_forever()


if __name__ == "__main__":
    main()
