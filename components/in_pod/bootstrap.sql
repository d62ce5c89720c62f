-- One row: the node that may start first on an empty database (gate.sh). Holds no data of WSO2's.
CREATE TABLE IF NOT EXISTS WSO2EI_BOOTSTRAP (
    ID INT PRIMARY KEY,
    HOLDER VARCHAR(253) NOT NULL,
    CLAIMED TIMESTAMP NOT NULL
);
