"""Every way history says no, in order of precedence. What is wrong with a single line is no refusal: see `history.rejected`."""

from __future__ import annotations

from tongbao.base.refusal import RefusalKind

SOURCE_FILE_MISSING = RefusalKind("source_file_missing", 404, "A file of the source is missing.", "源数据文件缺失。")
SOURCE_HEADER_UNKNOWN = RefusalKind(
    "source_header_unknown", 422, "A file's first line names other columns.", "源数据文件的列名不符。"
)
REPLAY_RUNNING = RefusalKind(
    "replay_running",
    409,
    "Somebody else is bringing in the same folder.",
    "同一目录正在由另一进程导入。",
    retryable=True,
)
FACT_UNREADABLE = RefusalKind(
    "fact_unreadable", 422, "A line of the stream is not a fact that is known here.", "事实流中存在无法识别的行。"
)

ALL = (SOURCE_FILE_MISSING, SOURCE_HEADER_UNKNOWN, REPLAY_RUNNING, FACT_UNREADABLE)
