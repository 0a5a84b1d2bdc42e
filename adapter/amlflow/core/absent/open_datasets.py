"""Where the files of v1's open data sets are: they are public, so no SDK has to fetch them.

Source: the addresses that Microsoft's catalogue of Azure Open Datasets names.
"""

_HOST = "https://azureopendatastorage.blob.core.windows.net"
_PATHS = {
    "BostonSafety": "citydatacontainer/Safety/Release/city=Boston",
    "ChicagoSafety": "citydatacontainer/Safety/Release/city=Chicago",
    "Diabetes": "mlsamples/diabetes",
    "MNIST": "mnist",
    "NoaaIsdWeather": "isdweatherdatacontainer/ISDWeather",
    "NycSafety": "citydatacontainer/Safety/Release/city=NewYorkCity",
    "NycTlcFhv": "nyctlc/fhv",
    "NycTlcGreen": "nyctlc/green",
    "NycTlcYellow": "nyctlc/yellow",
    "OjSalesSimulated": "ojsales-simulatedcontainer/oj_sales_data",
    "PublicHolidays": "holidaydatacontainer/Processed",
    "SanFranciscoSafety": "citydatacontainer/Safety/Release/city=SanFrancisco",
    "SeattleSafety": "citydatacontainer/Safety/Release/city=Seattle",
    "UsPopulationCounty": "censusdatacontainer/release/us_population_county",
    "UsPopulationZip": "censusdatacontainer/release/us_population_zip",
}
OPEN_DATASETS = {
    name: f"its files are public, below {_HOST}/{path}; read them by their addresses"
    for name, path in _PATHS.items()
}
"""By v1's class: where its files are."""
