"""Datastores: v1's ``azureml.core.datastore`` and the classes of ``azureml.data``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from amlflow.core.absent.members import ExplainsAbsent
from amlflow.core.arguments import check_class, check_list, check_path, check_text
from amlflow.core.data import declared
from amlflow.core.data.bases import DatastoreBase
from amlflow.core.data.datapath import DataReference
from amlflow.core.store import WorkspaceBase, tracker_of
from amlflow.data.storage import Datastores
from amlflow.exceptions import UserErrorException
from amlflow.own_paths import check_not_open
from amlflow.working_folder import absolute_path, local_path, working_folder

_SQL = (
    "amlflow does not read databases. Read with pandas.read_sql(), and keep the rows with "
    "Dataset.Tabular.register_pandas_dataframe()"
)


def datastores_of(workspace: WorkspaceBase) -> Datastores:
    """The datastores of a workspace, for reading and writing files."""
    return Datastores(declared.read_all(workspace), lambda: tracker_of(workspace))


class AbstractDatastore(DatastoreBase):
    """A named place for files.

    Source: ``azureml.data.abstract_datastore`` and ``azureml.data.azure_storage_datastore`` 1.61;
    names, parameters and shapes are v1's.
    """

    def __init__(
        self, workspace: WorkspaceBase, name: str, datastore_type: str = "AzureBlob"
    ) -> None:
        self._address = declared.find(workspace, name)
        self.workspace, self.name = workspace, name
        self.datastore_type = datastore_type

    @property
    def address(self) -> str:
        """The address that fsspec opens; amlflow's own, not v1's."""
        return self._address

    @property
    def container_name(self) -> str:
        """The bucket or container. For a folder, its name."""
        parts = urlsplit(self._address)
        return (parts.netloc.partition("@")[0] or parts.path.rstrip("/").rpartition("/")[2]).strip()

    @property
    def account_name(self) -> str:
        """The storage account in the address; an empty text if the address has none."""
        host = urlsplit(self._address).netloc.partition("@")[2]
        return host.partition(".")[0]

    @property
    def protocol(self) -> str:
        """The scheme of the address."""
        return urlsplit(self._address).scheme

    @property
    def is_sas(self) -> bool:
        """False: amlflow stores no credentials."""
        return False

    def set_as_default(self) -> None:
        """Make this the workspace's default datastore, for this user on this machine."""
        declared.set_default(self.workspace, self.name)

    def unregister(self) -> None:
        """Remove the datastore from the workspace on this machine. Its files stay."""
        declared.detach(self.workspace, self.name)

    # paths

    def path(
        self, path: str | None = None, data_reference_name: str | None = None
    ) -> DataReference:
        """A path in the datastore: for a script's argument, or ``Dataset.…from_files(path=…)``."""
        return DataReference(self, data_reference_name).path(path, data_reference_name)

    def as_download(self, path_on_compute: str | None = None) -> DataReference:
        """The whole datastore, downloaded before a script starts."""
        return self.path().as_download(path_on_compute)

    def as_upload(self, path_on_compute: str | None = None) -> DataReference:
        """The whole datastore, to which a script's folder is uploaded."""
        return self.path().as_upload(path_on_compute)

    def as_mount(self) -> DataReference:
        """The whole datastore, mounted."""
        return self.path().as_mount()

    # transfer

    def upload(
        self,
        src_dir: str | os.PathLike[str],
        target_path: str | None = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> DataReference:
        """Upload the files below a folder, and return a reference to ``target_path``.

        Without ``overwrite``, a file that the datastore already has stays as it is.

        Raises:
            UserErrorException: ``src_dir`` is not a folder.
        """
        check_path(src_dir, "The folder to upload", "datastore.upload(src_dir, target_path)")
        folder = local_path(Path(src_dir).expanduser())
        if not folder.is_dir():
            raise UserErrorException(
                f"The folder to upload, {str(src_dir)!r}, does not exist or is a file. To upload "
                "single files, use datastore.upload_files([path])."
            )
        self._put(_files_below(folder), target_path, overwrite, show_progress)
        return self.path(target_path)

    def upload_files(
        self,
        files: Sequence[str | os.PathLike[str]],
        relative_root: str | os.PathLike[str] | None = None,
        target_path: str | None = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> DataReference:
        """Upload files, and return a reference to ``target_path``.

        A file's path in the datastore is its path relative to ``relative_root``. The default is the
        innermost folder that has all the files.

        Raises:
            UserErrorException: a file does not exist, is a folder, or is not below
                ``relative_root``. Nothing is uploaded then.
        """
        check_list(files, "Files to upload", "datastore.upload_files(['data.csv'])")
        paths = [absolute_path(os.path.expanduser(path)) for path in files]
        for path in paths:
            if not path.is_file():
                what = "is a folder" if path.is_dir() else "does not exist"
                raise UserErrorException(
                    f"The file to upload {str(path)!r} {what}. Nothing was uploaded."
                )
        root = absolute_path(relative_root) if relative_root else _common_folder(paths)
        outside = [path for path in paths if not path.is_relative_to(root)]
        if outside:
            raise UserErrorException(
                f"The file {str(outside[0])!r} is not below relative_root={str(root)!r}. Nothing "
                "was uploaded."
            )
        named = {path.relative_to(root).as_posix(): path for path in paths}
        self._put(named, target_path, overwrite, show_progress)
        return self.path(target_path)

    def download(
        self,
        target_path: str | os.PathLike[str],
        prefix: str | None = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> int:
        """Download the files whose paths begin with a prefix, and return their number.

        Without ``overwrite``, a local file that exists stays as it is.
        """
        # pyarrow and fsspec are loaded when data is moved.
        from amlflow.data.download import download_prefix

        check_path(target_path, "The folder to download to", "datastore.download(target_path)")
        return download_prefix(
            self._folder(),
            Path(target_path).expanduser(),
            prefix or "",
            overwrite=overwrite,
            show_progress=show_progress,
        )

    def _folder(self) -> Any:
        return datastores_of(self.workspace).open(self.name)

    def _put(
        self, files: Mapping[str, Path], target: str | None, overwrite: bool, show: bool
    ) -> None:
        # fsspec is loaded when data is moved.
        from amlflow.data.transfer import put_files

        check_not_open(files)
        base = f"{(target or '').strip('/')}/".lstrip("/")
        named = {f"{base}{name}": path for name, path in files.items()}
        put_files(named, self._folder(), overwrite=overwrite, show_progress=show)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, type={self.datastore_type!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AbstractDatastore) and (self.workspace, self.name) == (
            other.workspace,
            other.name,
        )

    def __hash__(self) -> int:
        return hash((self.workspace, self.name))


class AzureBlobDatastore(AbstractDatastore):
    """A datastore that is not a file share."""


class AzureFileDatastore(AbstractDatastore):
    """The workspace's file store, or a file share."""


def open_datastore(workspace: WorkspaceBase, name: str) -> AbstractDatastore:
    """The datastore with this name. Raises UserErrorException if it does not exist."""
    check_class(workspace, WorkspaceBase, "A datastore is in a Workspace", _GET)
    check_text(name, "A datastore's name", _GET)
    kind = AzureFileDatastore if name == declared.FILES else AzureBlobDatastore
    return kind(workspace, name)


_GET = "Datastore.get(workspace, datastore_name)"


def _files_below(folder: Path) -> dict[str, Path]:
    """The files below a folder, by their relative paths with ``/``. Links to files count."""
    return {name: Path(path) for name, path in _walk(os.fspath(folder), "")}


def _walk(folder: str, prefix: str) -> Iterator[tuple[str, str]]:
    # os.walk() would need one more system call for each file: as long as copying a small one.
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        if entry.is_file():
            yield prefix + entry.name, entry.path
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, f"{prefix}{entry.name}/")


def _common_folder(paths: Sequence[Path]) -> Path:
    return Path(os.path.commonpath([path.parent for path in paths])) if paths else working_folder()


class DatastoresByName(Mapping[str, AbstractDatastore]):
    """``workspace.datastores``: maps each name to its datastore."""

    def __init__(self, workspace: WorkspaceBase) -> None:
        self._workspace = workspace

    def __getitem__(self, name: str) -> AbstractDatastore:
        return open_datastore(self._workspace, name)

    def __iter__(self) -> Iterator[str]:
        return iter(declared.read_all(self._workspace))

    def __len__(self) -> int:
        return len(declared.read_all(self._workspace))

    def __repr__(self) -> str:
        return repr(dict(self))


class Datastore(metaclass=ExplainsAbsent):
    """v1's ``azureml.core.Datastore``: opens and declares datastores."""

    def __new__(cls, workspace: WorkspaceBase, name: str | None = None) -> Any:
        """The datastore with this name; without a name, the workspace's default."""
        return Datastore.get(workspace, name) if name is not None else cls.get_default(workspace)

    @staticmethod
    def get(workspace: WorkspaceBase, datastore_name: str) -> Any:
        """The datastore with this name. Raises UserErrorException if it does not exist."""
        return open_datastore(workspace, datastore_name)

    @staticmethod
    def get_default(workspace: WorkspaceBase) -> Any:
        """The workspace's default datastore."""
        check_class(workspace, WorkspaceBase, "A datastore is in a Workspace", _GET)
        return open_datastore(workspace, declared.default_name(workspace))

    set_as_default = AbstractDatastore.set_as_default
    unregister = AbstractDatastore.unregister

    @staticmethod
    def register_azure_blob_container(
        workspace: WorkspaceBase,
        datastore_name: str,
        container_name: str,
        account_name: str,
        sas_token: str | None = None,
        account_key: str | None = None,
        protocol: str | None = None,
        endpoint: str | None = None,
        overwrite: bool = False,
        create_if_not_exists: bool = False,
        skip_validation: bool = False,
        blob_cache_timeout: int | None = None,
        grant_workspace_access: bool = False,
        subscription_id: str | None = None,
        resource_group: str | None = None,
    ) -> Any:
        """Declare a container. Keys are not stored: adlfs reads AZURE_STORAGE_… variables."""
        address = f"abfs://{container_name}@{account_name}.dfs.{endpoint or 'core.windows.net'}"
        return _declare(workspace, datastore_name, address, overwrite, sas_token or account_key)

    @staticmethod
    def register_azure_file_share(
        workspace: WorkspaceBase,
        datastore_name: str,
        file_share_name: str,
        account_name: str,
        sas_token: str | None = None,
        account_key: str | None = None,
        protocol: str | None = None,
        endpoint: str | None = None,
        overwrite: bool = False,
        create_if_not_exists: bool = False,
        skip_validation: bool = False,
    ) -> Any:
        """Raise UserErrorException: fsspec has no client for Azure's file shares."""
        raise UserErrorException(
            f"The file share {file_share_name!r} cannot be read: fsspec has no client for Azure's "
            f"file shares. Mount it, and attach the folder with `amlflow datastore attach -n "
            f"{datastore_name} --address file:///mounted/folder`."
        )

    @staticmethod
    def register_azure_data_lake_gen2(
        workspace: WorkspaceBase,
        datastore_name: str,
        filesystem: str,
        account_name: str,
        tenant_id: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        resource_url: str | None = None,
        authority_url: str | None = None,
        protocol: str | None = None,
        endpoint: str | None = None,
        overwrite: bool = False,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        grant_workspace_access: bool = False,
    ) -> Any:
        """Declare a file system of a data lake. Keys are not stored."""
        address = f"abfs://{filesystem}@{account_name}.dfs.{endpoint or 'core.windows.net'}"
        return _declare(workspace, datastore_name, address, overwrite, client_secret)

    @staticmethod
    def register_azure_data_lake(
        workspace: WorkspaceBase,
        datastore_name: str,
        store_name: str,
        tenant_id: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        resource_url: str | None = None,
        authority_url: str | None = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        overwrite: bool = False,
        grant_workspace_access: bool = False,
    ) -> Any:
        """Declare a data lake of the first generation. Keys are not stored."""
        return _declare(workspace, datastore_name, f"adl://{store_name}", overwrite, client_secret)

    @staticmethod
    def register_azure_sql_database(*args: Any, **kwargs: Any) -> NoReturn:
        """Raise UserErrorException: amlflow does not read databases."""
        raise UserErrorException(f"register_azure_sql_database: {_SQL}.")

    @staticmethod
    def register_azure_postgre_sql(*args: Any, **kwargs: Any) -> NoReturn:
        """Raise UserErrorException: amlflow does not read databases."""
        raise UserErrorException(f"register_azure_postgre_sql: {_SQL}.")

    @staticmethod
    def register_azure_my_sql(*args: Any, **kwargs: Any) -> NoReturn:
        """Raise UserErrorException: amlflow does not read databases."""
        raise UserErrorException(f"register_azure_my_sql: {_SQL}.")

    @staticmethod
    def register_dbfs(workspace: WorkspaceBase, datastore_name: str) -> Any:
        """Declare the file system of the Databricks workspace that fsspec's client finds."""
        return _declare(workspace, datastore_name, "dbfs:/", True, None)

    @staticmethod
    def register_hdfs(
        workspace: WorkspaceBase,
        datastore_name: str,
        protocol: str,
        namenode_address: str,
        hdfs_server_certificate: Any = None,
        kerberos_realm: str | None = None,
        kerberos_kdc_address: str | None = None,
        kerberos_principal: str | None = None,
        kerberos_keytab: Any = None,
        kerberos_password: str | None = None,
        overwrite: bool = False,
    ) -> Any:
        """Declare a Hadoop file system. Keys are not stored."""
        address = f"webhdfs://{namenode_address}"
        return _declare(workspace, datastore_name, address, overwrite, kerberos_password)


def _declare(
    workspace: WorkspaceBase, name: str, address: str, overwrite: bool, secret: str | None
) -> AbstractDatastore:
    # Imported here, since only registering needs it.
    from amlflow.core.console import warn_once

    right = "Datastore.register_azure_blob_container(workspace, datastore_name, …)"
    check_class(workspace, WorkspaceBase, "A datastore is in a Workspace", right)

    declared.attach(
        workspace, name, address, overwrite=overwrite or _is_same(workspace, name, address)
    )
    if secret:
        warn_once(
            f"amlflow does not store the key of the datastore {name!r}. Set the environment "
            "variable that the storage's own client reads, such as AZURE_STORAGE_ACCOUNT_KEY or "
            "AZURE_STORAGE_SAS_TOKEN."
        )
    return open_datastore(workspace, name)


def _is_same(workspace: WorkspaceBase, name: str, address: str) -> bool:
    return declared.read_all(workspace).get(name) == address
