"""What a run shows and hears: its log files, its progress bar, and requests to stop."""

import json
import signal
import threading
from contextlib import ExitStack
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import numpy as np
from rich import progress as rich_progress

from r1lab.images.config import Config
from r1lab.images.files import read_lines, write_atomically

__all__ = ["MetricsLog", "Progress", "ProgressBar", "StopSignals", "TensorBoardLog"]


class Progress:
    """All that shows how a run goes on, as one: log files and the progress bar; a context manager.

    Parameters
    ----------
    folder : of the run. config : its settings. step : where the run starts.
    shown : whether there is a progress bar.
    writes : False in all processes but one, which do nothing.

    Examples
    --------
    >>> import tempfile
    >>> metrics = {"step": 10, "seconds": 1.0, "d_loss": 1.4, "g_loss": 0.7, "penalty": 0.1}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Progress(Path(folder), Config(), step=0, shown=False) as shown:
    ...         shown.write(metrics)
    ...     json.loads((Path(folder) / "metrics.jsonl").read_text()) == metrics
    True
    """

    def __init__(
        self, folder: Path, config: Config, step: int, shown: bool, writes: bool = True
    ) -> None:
        self._writes = writes
        self._open = ExitStack()
        if not writes:
            return
        self._log = MetricsLog(folder / "metrics.jsonl", step)
        self._bar = ProgressBar(config, step, shown)
        self._board = TensorBoardLog(folder / "tensorboard", step) if config.tensorboard else None

    def __enter__(self) -> Self:
        if self._writes:
            self._open.enter_context(self._bar)
            if self._board is not None:
                self._open.enter_context(self._board)
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)

    def write(self, metrics: dict[str, float]) -> None:
        """Log and show the metrics of a step."""
        if self._writes:
            self._log.write(metrics)
            self._bar.update(metrics)
            if self._board is not None:
                self._board.write(metrics)

    def picture(self, step: int, pixels: np.ndarray) -> None:
        """Log a picture (H, W, 3) uint8 of samples."""
        if self._writes and self._board is not None:
            self._board.picture(step, pixels)


class MetricsLog:
    """A file of metrics, one JSON object a line.

    Parameters
    ----------
    path : the file.
    step : where the run starts; lines of later steps, from a run that was killed after its last
        checkpoint, are dropped, because those steps are done again.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "metrics.jsonl"
    ...     MetricsLog(path, 0).write({"step": 10, "d_loss": 1.5})
    ...     path.read_text()
    '{"step": 10, "d_loss": 1.5}\\n'
    """

    def __init__(self, path: Path, step: int) -> None:
        self.path = path
        kept = [json.dumps(line) + "\n" for line in read_lines(path) if line["step"] <= step]
        write_atomically(path, "".join(kept).encode())

    def write(self, metrics: dict[str, float]) -> None:
        """Append a line; whole lines only, whenever the process ends."""
        with self.path.open("a") as file:
            file.write(json.dumps(metrics) + "\n")


class TensorBoardLog:
    """The metrics and samples of a run for TensorBoard; a context manager.

    Parameters
    ----------
    folder : for the event files. step : where the run starts; later events are hidden.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with TensorBoardLog(Path(folder), 0) as board:
    ...         board.write({"step": 10, "d_loss": 1.5})
    ...     len(list(Path(folder).glob("events.*")))
    1
    """

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # here: it takes long to import

        self._writer = SummaryWriter(str(folder), purge_step=step + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def write(self, metrics: dict[str, float]) -> None:
        """Log the metrics of a step, a curve each."""
        for name, value in metrics.items():
            if name != "step":
                self._writer.add_scalar(name, value, int(metrics["step"]))

    def picture(self, step: int, pixels: np.ndarray) -> None:
        """Log a picture (H, W, 3) uint8."""
        self._writer.add_image("samples", pixels, step, dataformats="HWC")


class ProgressBar:
    """A bar with images per second, the losses and the penalty; a context manager.

    Parameters
    ----------
    config : for the number of steps and the batch.
    step : where the run starts.
    shown : False shows nothing.

    Examples
    --------
    >>> with ProgressBar(Config(), step=0, shown=False) as bar:
    ...     bar.update({"step": 1, "seconds": 0.1, "d_loss": 1.4, "g_loss": 0.7, "penalty": 0.1})
    """

    def __init__(self, config: Config, step: int, shown: bool) -> None:
        self._images_per_step = config.batch * config.d_steps
        self._previous: tuple[float, float] | None = None
        self._bar = rich_progress.Progress(
            rich_progress.MofNCompleteColumn(),
            rich_progress.BarColumn(),
            rich_progress.TextColumn("{task.fields[state]}"),
            rich_progress.TimeRemainingColumn(),
            disable=not shown,
        )
        self._task = self._bar.add_task("", total=config.steps, completed=step, state="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def update(self, metrics: dict[str, float]) -> None:
        """Show the metrics of a step."""
        state = "d {d_loss:.3f}  g {g_loss:.3f}  penalty {penalty:.3f}".format(**metrics)
        now = (metrics["step"], metrics["seconds"])
        if self._previous is not None and now[1] > self._previous[1]:
            steps, seconds = now[0] - self._previous[0], now[1] - self._previous[1]
            state = f"{steps * self._images_per_step / seconds:.0f} images/s  {state}"
        self._previous = now
        self._bar.update(self._task, completed=metrics["step"], state=state)


class StopSignals:
    """A context in which Ctrl-C and SIGTERM are noted in `received`; a second one stops at once.

    Outside the main thread, where Python allows no handlers, it does nothing.

    Examples
    --------
    >>> with StopSignals() as stop:
    ...     signal.raise_signal(signal.SIGTERM)
    ...     stop.received == signal.SIGTERM
    True
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            raise KeyboardInterrupt
        self.received = number
