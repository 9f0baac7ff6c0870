"""Work for a pool of processes."""

from __future__ import annotations

import os
import pickle

WORK = pickle.dumps((os.getpid, (), {}))
