"""A Postfix that logs people in by lmtpd-auth."""

import smtplib

from harness.auth import EMAIL1, EMAIL2
from harness.postfix import Postfix
from harness.process import free_port, run, run_checked, wait_until

SASL_SETTINGS = {
    # The guide's, to the letter.
    "smtpd_use_tls": "yes",
    "smtpd_tls_auth_only": "yes",
    "smtpd_sasl_type": "dovecot",
    "smtpd_sasl_path": "private/auth",
    "smtpd_sasl_auth_enable": "yes",
    "smtpd_recipient_restrictions":
        "permit_sasl_authenticated, permit_mynetworks, reject_unauth_destination",
    # Everybody is a stranger, the tests too; what may be relayed goes nowhere.
    "mynetworks": "",
    "default_transport": "discard:",
    "smtpd_client_connection_count_limit": "0",
}


def make_certificate(directory):
    """A key and a certificate that it signed itself."""
    key, certificate = directory / "key.pem", directory / "cert.pem"
    run_checked(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
        "-nodes", "-subj", "/CN=host.example.com", "-days", "2", "-keyout", key, "-out",
        certificate,
    )
    return key, certificate


def is_greeting(port):
    try:
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
            return client.noop()[0] == 250
    except (OSError, smtplib.SMTPException):
        return False


class SaslPostfix(Postfix):
    """Relays for those who log in. port demands TLS for that, as the guide has it; plain_port
    does not."""

    def __init__(self, base, database):
        super().__init__(base, database)
        self.plain_port = free_port()
        self.auth_socket = base / "spool/private/auth"

    def start(self):
        super().start()
        key, certificate = make_certificate(self.base / "etc")
        settings = {**SASL_SETTINGS, "smtpd_tls_key_file": key,
                    "smtpd_tls_cert_file": certificate}
        for name, value in settings.items():
            run_checked("postconf", "-c", self.base / "etc", "-e", f"{name} = {value}")
        with open(self.base / "etc/master.cf", "a") as master:
            master.write(f"127.0.0.1:{self.plain_port} inet n - n - - smtpd\n"
                         "  -o smtpd_tls_auth_only=no -o smtpd_tls_security_level=none\n")
        # Nobody may connect while there is no lmtpd-auth: smtpd would end itself, and a second
        # later Postfix would stop starting any for a minute.
        self._postfix("reload")

    def reload(self):
        """Waits for whole greetings, so that no smtpd is still about to look for lmtpd-auth."""
        super().reload()
        for port in (self.port, self.plain_port):
            wait_until(lambda: is_greeting(port), 60, f"greeting on port {port}")

    def swaks(self, *arguments, user=None, password=None, mechanism="PLAIN", to=EMAIL2):
        """One message by swaks, up to RCPT; the run, whose output has the whole session."""
        login = ["--auth", mechanism, "--auth-user", user, "--auth-password", password]
        return run(
            "swaks", "--server", f"127.0.0.1:{self.plain_port}", "--helo", "client.example.net",
            "--from", EMAIL1, "--to", to, "--quit-after", "RCPT", "--timeout", "30",
            *(login if user else []), *arguments,
        )
