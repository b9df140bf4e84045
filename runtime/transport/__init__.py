"""Sockets: datagrams and streams, and the one place messages are sent from."""
