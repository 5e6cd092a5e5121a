"""The six turns of `perlinsos bench turns` with python-telegram-bot, as its documentation has a conversation written.

State is in memory. Updates are acknowledged when they are in its queue and worked on one after the other, which is the
library's default.
"""

from __future__ import annotations

import os

from telegram import Update
from telegram.ext import (
    ApplicationBuilder,
    CommandHandler,
    ContextTypes,
    ConversationHandler,
    MessageHandler,
    filters,
)

CONSENT, NIK, KK, CONFIRM = range(4)
SIXTEEN_DIGITS = filters.Regex(r"^\d{16}$")
Context = ContextTypes.DEFAULT_TYPE


async def welcome(update: Update, context: Context) -> None:
    await update.message.reply_text("Selamat datang. Tulis daftar untuk mendaftar.")


async def begin(update: Update, context: Context) -> int:
    await update.message.reply_text("Kami perlu melihat data Bapak/Ibu. Setuju?")
    return CONSENT


async def consent(update: Update, context: Context) -> int:
    await update.message.reply_text("Tolong kirim NIK Bapak/Ibu.")
    return NIK


async def nik(update: Update, context: Context) -> int:
    context.user_data["nik"] = update.message.text
    await update.message.reply_text("Tolong kirim nomor KK.")
    return KK


async def kk(update: Update, context: Context) -> int:
    context.user_data["kk"] = update.message.text
    await update.message.reply_text("Kami menemukan data Bapak/Ibu. Benar?")
    return CONFIRM


async def confirmed(update: Update, context: Context) -> int:
    await update.message.reply_text("Terima kasih.")
    return ConversationHandler.END


def main() -> None:
    api, port = os.environ["BENCH_API"], int(os.environ["BENCH_PORT"])
    app = ApplicationBuilder().token(os.environ["BENCH_TOKEN"]).base_url(f"{api}/bot").connection_pool_size(256).build()
    app.add_handler(CommandHandler("start", welcome))
    app.add_handler(
        ConversationHandler(
            entry_points=[MessageHandler(filters.Regex("^daftar$"), begin)],
            states={
                CONSENT: [MessageHandler(filters.TEXT, consent)],
                NIK: [MessageHandler(SIXTEEN_DIGITS, nik)],
                KK: [MessageHandler(SIXTEEN_DIGITS, kk)],
                CONFIRM: [MessageHandler(filters.TEXT, confirmed)],
            },
            fallbacks=[],
        )
    )
    app.run_webhook(
        listen="127.0.0.1",
        port=port,
        url_path="webhook",
        secret_token=os.environ["BENCH_SECRET"],
        webhook_url=f"http://127.0.0.1:{port}/webhook",
    )


main()
