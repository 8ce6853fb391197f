"""Node sessions: what agents say and are told. Pods downwards, status upwards, streams in between."""
