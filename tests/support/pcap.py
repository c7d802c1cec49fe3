"""Files of packets for SIPp to play: sound as RTP."""
import struct

from . import audio

PTIME = 160  # samples in a packet


def _packet(at, payload):
    """UDP in IPv4 in Ethernet, AT microseconds: SIPp has its own addresses."""
    udp = struct.pack(">HHHH", 4000, 4000, 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0,
                     bytes([127, 0, 0, 1]), bytes([127, 0, 0, 1])) + udp
    frame = bytes(12) + b"\x08\x00" + ip
    return struct.pack("<IIII", at // 1000000, at % 1000000, len(frame),
                       len(frame)) + frame


def write(path, samples, payload_type=0):
    """SAMPLES (8 kHz, -1 to 1) in packets of 20 ms, in real time."""
    data = audio.encode(samples, payload_type)
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i in range(len(data) // PTIME):
            rtp = struct.pack(">BBHII", 0x80, (i == 0) << 7 | payload_type,
                              i + 1, i * PTIME, 0x5eed)
            f.write(_packet(i * 20000,
                            rtp + data[i * PTIME:(i + 1) * PTIME]))
    return path
