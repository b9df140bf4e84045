"""Sans-IO SIP: messages, URIs, header fields, edits, SDP.  Text is str with one character per byte (latin-1).

Messages are decoded once on arrival and encoded once when sent, which costs 0.1 µs each and lets everything between
work on str: script values, f-strings and slices without a conversion per field.  Nothing is normalised: what is not
edited goes out byte for byte as it came in.
"""
