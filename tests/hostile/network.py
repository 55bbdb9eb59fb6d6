"""Programs that reach out.  {tcp}, {udp}: listening local ports; {unix}: a listening socket's path; {abstract}: its name."""

_START = "import socket\ndef f(x):\n    "
ENTRIES = {
    "TCP": (_START + "socket.create_connection(('127.0.0.1', {tcp}), 1).sendall(b'x')\n    return 4", "f(1)", "4"),
    "TCP without waiting": (
        _START + "s = socket.socket()\n    s.setblocking(False)\n    s.connect_ex(('127.0.0.1', {tcp}))\n    return 4",
        "f(1)",
        "4",
    ),
    "TCP server": (_START + "s = socket.socket()\n    s.bind(('127.0.0.1', 0))\n    s.listen()\n    return 4", "f(1)", "4"),
    "UDP": (
        _START + "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {udp}))\n    return 4",
        "f(1)",
        "4",
    ),
    "UDP over IPv6": (
        _START + "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b'x', ('::1', {udp}))\n    return 4",
        "f(1)",
        "4",
    ),
    "raw socket": (_START + "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)\n    return 4", "f(1)", "4"),
    "netlink": (_START + "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)\n    return 4", "f(1)", "4"),
    "unix socket": (_START + "socket.socket(socket.AF_UNIX).connect({unix!r})\n    return 4", "f(1)", "4"),
    "abstract socket": (_START + "socket.socket(socket.AF_UNIX).connect('\\0' + {abstract!r})\n    return 4", "f(1)", "4"),
    "datagram pair that writes elsewhere": (
        _START + "a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        "    a.sendto(b'x', '\\0' + {abstract!r})\n    return 4",
        "f(1)",
        "4",
    ),
    "names": (_START + "return 4 if socket.getaddrinfo('localhost', {tcp}) else 3", "f(1)", "4"),
    "host by name": (_START + "return 4 if socket.gethostbyname('example.org') else 3", "f(1)", "4"),
    "download": (
        "import urllib.request\ndef f(x):\n    urllib.request.urlopen('http://127.0.0.1:{tcp}/', timeout=1)\n    return 4",
        "f(1)",
        "4",
    ),
    "mail": ("import smtplib\ndef f(x):\n    smtplib.SMTP('127.0.0.1', {tcp}, timeout=1)\n    return 4", "f(1)", "4"),
    "asynchronous connection": (
        "import asyncio\ndef f(x):\n    asyncio.run(asyncio.open_connection('127.0.0.1', {tcp}))\n    return 4",
        "f(1)",
        "4",
    ),
    "raw system call": (
        "import ctypes\ndef f(x):\n    return 4 if ctypes.CDLL(None).syscall(41, 2, 1, 0) >= 0 else 3",
        "f(1)",
        "4",
    ),
    "io_uring": (
        "import ctypes\ndef f(x):\n    return 4 if ctypes.CDLL(None).syscall(425, 8, ctypes.create_string_buffer(120)) >= 0 else 3",
        "f(1)",
        "4",
    ),
}
