"""camt.053 files for tests."""

from __future__ import annotations

from collections.abc import Sequence

_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"


def entry(
    amount: str,
    mark: str,
    *,
    reference: str | None = None,
    status: str = "BOOK",
    reversal: bool = False,
    parts: Sequence[str] = (),
    name: str = "",
    on: str = "2023-07-03",
) -> str:
    refs = "" if reference is None else f"<Refs><EndToEndId>{reference}</EndToEndId></Refs>"
    named = f"<RltdPties><Dbtr><Nm>{name}</Nm></Dbtr></RltdPties><RmtInf><Ustrd>{name}</Ustrd></RmtInf>"
    if parts:
        details = "".join(f'<TxDtls><Amt Ccy="IDR">{part}</Amt></TxDtls>' for part in parts)
    else:
        details = f"<TxDtls>{refs}{named if name else ''}</TxDtls>"
    return (
        f'<Ntry><Amt Ccy="IDR">{amount}</Amt><CdtDbtInd>{mark}</CdtDbtInd>'
        f"{'<RvslInd>true</RvslInd>' if reversal else ''}<Sts>{status}</Sts>"
        f"<BookgDt><Dt>{on}</Dt></BookgDt><NtryDtls>{details}</NtryDtls></Ntry>"
    )


def camt(*entries: str, opening: str = "0", closing: str = "", encoding: str = "utf-8") -> bytes:
    """A file of one statement."""
    closes = closing and _balance("CLBD", closing, "2023-07-31")
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>\n<Document xmlns="{_NAMESPACE}"><BkToCstmrStmt>'
        "<GrpHdr><MsgId>M1</MsgId></GrpHdr><Stmt><Id>STMT-1</Id><ElctrncSeqNb>1</ElctrncSeqNb>"
        "<Acct><Id><IBAN>ID1234567890</IBAN></Id></Acct>"
        f"{_balance('OPBD', opening, '2023-07-01')}{closes}{''.join(entries)}"
        "</Stmt></BkToCstmrStmt></Document>"
    )
    return text.encode(encoding)


def _balance(code: str, amount: str, on: str) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="IDR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{on}</Dt></Dt></Bal>'
    )
