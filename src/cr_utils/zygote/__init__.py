"""The helper process that runs programs: a small server that forks, and the jail its children live in.

Started by `cr_utils.lanes` as a separate interpreter that has imported nothing heavy; these modules use the
standard library only, and as little of it as they can, because every fork pays for what is loaded.
"""
