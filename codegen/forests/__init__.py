"""Stand-alone forests in C: trained trees over plain features, with no audio and no feature graph.

lower.py makes every node one comparison of small integers (columns.py); sums.py and votes.py round what leaves add, and
prove by how much; bytes.py and branches.py are the two layouts; header.py prints them.
"""

from codegen.forests.header import header
from codegen.forests.model import Callback, Model, Options, prepare

__all__ = ["Callback", "Model", "Options", "header", "prepare"]
